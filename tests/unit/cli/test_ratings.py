"""Ratings out of files, titles that are not certain, and IMDb ids on the command line."""

import io
import json
import sys

import pytest

from marquee.bundle.publish import publish
from tests.exports import ODD, bundle_of, films_of, imdb_csv, letterboxd_zip, trakt_json


@pytest.fixture(scope="module")
def rated_store(tmp_path_factory, make_contents):
    """A store of a thousand films, and its bundle: tests.exports knows some of them."""
    bundle = bundle_of(make_contents(1000))
    store = tmp_path_factory.mktemp("rated")
    publish(store, bundle, force=True)
    return store, bundle


@pytest.mark.parametrize("kind", ["zip", "csv", "json"])
def test_recommend_from_an_export_lists_doubts_and_unknown_films(run, rated_store, tmp_path, kind):
    store, bundle = rated_store
    write = {"zip": letterboxd_zip, "csv": imdb_csv, "json": trakt_json}[kind]
    given = [*films_of(bundle, 900), *(film for film, _ in ODD)]
    path = tmp_path / f"export.{kind}"
    path.write_bytes(write(given))
    code, out, err = run("recommend", "-s", store, "--ratings", path, "--json")
    assert code == 0
    known = {row for _, row in ODD if row is not None} | set(range(100, 1000))
    gone = {int(bundle.catalog.movie_ids[row]) for row in known}
    films = json.loads(out)["recommendations"]
    assert len(films) == 10
    assert not {film["movie_id"] for film in films} & gone
    assert "not in the catalogue: Tenet (2020)" in err
    assert "not certain, so left out: Dune (2021): perhaps Dune (1984) or Dune (2000)" in err
    if kind != "zip":
        assert "not in the catalogue: Heat (1995)" in err  # a series


def test_doubts_are_asked_about_on_a_terminal(run, rated_store, tmp_path, monkeypatch):
    store, bundle = rated_store
    path = tmp_path / "mine.csv"
    path.write_text("title,year,rating\nDune,2021,5\nHeat,1995,4\nMatrix Again,1999,1\nBlade Runner,2007,4\n")
    monkeypatch.setattr(sys, "stdin", type("Terminal", (io.StringIO,), {"isatty": lambda _: True})("2\n\n1\n"))
    code, out, err = run("recommend", "-s", store, "--ratings", path, "--like", "Lord of the Rings", "--json")
    assert (code, err.count("Which")) == (0, 3)
    assert "mine.csv: 2 of 4 films found" in err
    shown = {film["movie_id"] for film in json.loads(out)["recommendations"]}
    assert not shown & {int(bundle.catalog.movie_ids[row]) for row in (5, 13, 16)}


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Tenet", "no film is called 'Tenet'"),
        ("Us", "no film is called 'Us'"),
        ("Dune", '--like "Dune (1984)" or --like "Dune (2000)"'),
        ("tt7777777", "no film is called 'tt7777777'"),
    ],
)
def test_a_title_that_is_not_certain_is_refused_with_choices(run, rated_store, title, words):
    code, _, err = run("recommend", "-s", rated_store[0], "--like", title)
    assert code == 2
    assert words in err


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"a,b\n1,2\n", "names no title"), (b"title\nTenet\n", "names no film of the catalogue")],
)
def test_a_file_without_films_is_refused(run, rated_store, tmp_path, content, words):
    (tmp_path / "mine.csv").write_bytes(content)
    code, _, err = run("recommend", "-s", rated_store[0], "--ratings", tmp_path / "mine.csv")
    assert (code, words in err) == (2, True)


def test_imdb_ids_wherever_ids_are(run, rated_store):
    asked = [("--imdb-ids", "tt0133093"), ("--like", "tt0133093"), ("--like", "matrix"), ("--like", "matrix 1999")]
    answers = [run("recommend", "-s", rated_store[0], *options, "--json")[1] for options in asked]
    assert len(set(answers)) == 1
    assert json.loads(answers[0])["recommendations"][0]["imdb_id"].startswith("tt")
