"""The command line as a person and as a program use it: results, errors with their fix, exit codes."""

import errno
import json
import os
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from marquee.bundle.card import ModelCard, markdown, model_card
from marquee.bundle.metrics import Metrics
from marquee.bundle.publish import publish
from marquee.bundle.read import load
from marquee_cli.main import main
from marquee_training.data.synthetic import synthesize, write_movielens
from tests.sample import SAMPLE, load_sample

TITLE = load_sample().catalog.titles[0]


@pytest.fixture
def run(monkeypatch, capsys):
    """`run("list", "--json") -> (exit code, stdout, stderr)`."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MARQUEE_DATA_DIR", raising=False)  # of who runs the tests

    def go(*arguments):
        monkeypatch.setattr(sys, "argv", ["marquee", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return go


@pytest.fixture
def store(tmp_path):
    publish(tmp_path / "store", load_sample(), force=True)
    return tmp_path / "store"


@pytest.fixture
def liked():
    return [int(tmdb) for tmdb in load_sample().catalog.tmdb_ids if tmdb][:3]


def test_recommend_prints_the_response(run, store, liked):
    code, out, _ = run("recommend", "-s", store, "--tmdb-ids", ",".join(map(str, liked)), "-n", 5, "--json")
    answer = json.loads(out)
    assert code == 0
    assert len(answer["recommendations"]) == 5
    assert answer["served_by"] == "two_tower"
    others = {"recommendations", "degraded", "notes", "unknown_ids", "model_version", "request_id"}
    assert set(answer) == {"served_by"} | others


def test_recommend_sorts_the_same_films(run, store, liked):
    lists = {}
    for sort in ("fit", "affinity"):
        code, out, _ = run("recommend", "-s", store, "--tmdb-ids", ",".join(map(str, liked)), "--sort", sort, "--json")
        assert code == 0
        films = json.loads(out)["recommendations"]
        lists[sort] = {film["movie_id"]: film["affinity_score"] for film in films}
    assert lists["fit"] == lists["affinity"]
    scores = list(lists["affinity"].values())
    assert scores == sorted(scores, reverse=True)


def test_recommend_as_a_table_by_title(run, store):
    title = load_sample().catalog.titles[0]
    code, out, _ = run("recommend", "-s", store, "--like", title, "--explain", "-n", 3)
    assert code == 0
    assert "affinity" in out
    assert "because" in out
    assert "served by two_tower" in out
    assert f"for {title} (" in out


def test_a_table_says_which_films_were_taken(run, store):
    first, second, third = load_sample().catalog.titles[:3]
    out = run("recommend", "-s", store, "--person", first[:-1], "--person", f"{second};{third}", "-n", 1)[1]
    assert all(title in out.split("┏")[0] for title in (first, second, third))
    out = run("recommend", "-s", store, "--like", first, "--dislike", second, "-n", 1)[1]
    assert f"not {second}" in out.split("┏")[0]


def test_brackets_in_titles_are_shown_as_they_are(run, tmp_path):
    contents = load_sample()
    titles = ("[rec] of [/b]", *(f"{title} [bold]" for title in contents.catalog.titles[1:]))
    publish(tmp_path, replace(contents, catalog=replace(contents.catalog, titles=titles)), force=True)
    out = run("recommend", "-s", tmp_path, "--movie-ids", int(contents.catalog.movie_ids[0]), "-n", 100)[1]
    assert titles[0] in out
    assert out.count(" [bold]") > 1


def test_recommend_leaves_out_what_is_disliked(run, store, liked):
    asked = ("recommend", "-s", store, "--tmdb-ids", ",".join(map(str, liked)), "--json")
    first, second = json.loads(run(*asked)[1])["recommendations"][:2]
    code, out, _ = run(*asked, "--dislike", first["title"], "--dislike", second["title"])
    assert code == 0
    assert not {first["title"], second["title"]} & {film["title"] for film in json.loads(out)["recommendations"]}


def test_recommend_by_columns(run, store):
    where = ("--where", "genre=drama", "--where", "genre!=Crime", "--where", "year>=1990")
    code, out, _ = run("recommend", "-s", store, "--like", TITLE, *where, "--max-per", "year=1", "--json")
    assert code == 0
    films = json.loads(out)["recommendations"]
    assert all("Drama" in film["genres"] and "Crime" not in film["genres"] for film in films)
    years = [film["year"] for film in films]
    assert len(set(years)) == len(years) > 1
    assert min(years) >= 1990


def test_recommend_for_several_people(run, store):
    first, second, third = load_sample().catalog.titles[:3]
    people = ("--person", first, "--person", f"{second}; {third}")
    code, out, _ = run("recommend", "-s", store, *people, "-n", 5, "--one-per-franchise", "--json")
    assert code == 0
    assert [len(film["for_people"]) for film in json.loads(out)["recommendations"]] == [2] * 5
    assert "of each" in run("recommend", "-s", store, *people)[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--person", TITLE), "at least two"),
        (("--person", TITLE, "--person", ";"), "--person: give each person at least one film"),
        (("--person", TITLE, "--person", "zzzz"), "no film is called 'zzzz'"),
        (("--like", TITLE, "--dislike", TITLE), "both liked and disliked"),
        (("--tmdb-ids", "1,x"), "--tmdb-ids '1,x': not numbers"),
        ((), "error: give at least one film"),
        (("--tmdb-ids", "1", "-n", "0"), "--top-n: must be a whole number from 1 to 100, not 0"),
        (("--tmdb-ids", "1", "--year-min", "1700"), "--year-min: must be a whole number from 1870 to 2100, not 1700"),
        (("--tmdb-ids", "1", "--genres", "Crime," * 31), "--genres: has 31 entries"),
        (("--like", "zzzz"), "no film is called 'zzzz'"),
        (("--like", TITLE, "--where", "year"), "--where 'year': give a column"),
        (("--like", TITLE, "--where", "year<=soon"), "--where: must be a number"),
        (("--like", TITLE, "--where", "price=3"), "no column 'price'"),
        (("--like", TITLE, "--max-per", "year=0"), "--max-per: must be a whole number from 1 to 100, not 0"),
        (("--like", TITLE, "--max-per", "year"), "--max-per: must be a whole number from 1 to 100"),
        (("--tmdb-ids", "1", "--genres", "Polka"), "no film has the genre 'Polka'"),
    ],
)
def test_bad_requests_name_the_fix(run, store, arguments, message):
    code, out, err = run("recommend", "-s", store, *arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert "fix:" in err


def test_retune(run, store, tmp_path):
    code, out, _ = run("retune", "-s", store, "--set", "lambda_mmr=0.3", "--set", "lift_year=0.5")
    assert code == 0
    assert "WARNING: nothing shows that it is any good: its dials differ" in out
    newest, first = json.loads(run("list", "-s", store, "--json")[1])
    assert newest["retuned_from"] == first["version"]
    listed = run("list", "-s", store)[1]  # the table breaks lines where it has to
    assert all(part in listed for part in ("retuned", first["version"][-8:]))
    for arguments, message in (
        (("--set", "lambda_mmr"), "not a name and a number"),
        (("--set", "alpha_cf=2"), "alpha_cf: affinity_score depends on it"),
    ):
        code, _, err = run("retune", "-s", store, *arguments)
        assert (code, "fix:" in err) == (2, True)
        assert message in err


def test_prune_says_what_it_deleted(run, store):
    for diversity in ("0.5", "0.6", "0.7"):
        run("retune", "-s", store, "--set", f"lambda_mmr={diversity}", "--force")
    names = [one["version"] for one in json.loads(run("list", "-s", store, "--json")[1])]
    assert run("prune", "-s", store, "--keep", 1) == (0, "".join(f"deleted {name}\n" for name in names[:1:-1]), "")
    assert [one["version"] for one in json.loads(run("list", "-s", store, "--json")[1])] == names[:2]
    assert run("prune", "-s", store, "--keep", 0)[0] == 2


def test_a_folder_that_is_no_version_is_said(run, store):
    (store / "versions" / "2026-13-45T99-00-00Z-0123abcd").mkdir()
    code, out, _ = run("list", "-s", store)
    assert code == 0
    assert "versions/2026-13-45T99-00-00Z-0123abcd is left out" in out


def test_too_little_memory_is_an_error_with_a_fix(run, store, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr("marquee.bundle.list_versions", exhausted)
    code, _, err = run("list", "-s", store)
    assert code == 1
    assert "there is too little memory: Unable to allocate 9 GiB" in err


def test_a_model_is_tried_as_staging_and_promoted(run, store):
    (first,) = json.loads(run("list", "-s", store, "--json")[1])
    assert run("retune", "-s", store, "--set", "lambda_mmr=0.5", "--channel", "staging", "--force")[0] == 0
    staged, _ = json.loads(run("list", "-s", store, "--json")[1])
    assert (staged["current"], staged["channels"]) == (False, ["staging"])
    assert "staging" in run("list", "-s", store)[1]
    assert run("promote", "staging", "-s", store)[1] == f"current is now {staged['version']}\n"
    assert run("rollback", "-s", store)[1] == f"current is now {first['version']}\n"
    code, _, err = run("promote", "stagin", "-s", store)
    assert (code, "nothing was promoted to stagin" in err) == (4, True)
    assert run("publish", store / "versions" / staged["version"], "-s", store, "--no-activate", "--force")[0] == 0
    assert json.loads(run("list", "-s", store, "--json")[1])[0]["channels"] == []


def test_list_verify_and_rollback(run, store):
    (first,) = json.loads(run("list", "-s", store, "--json")[1])
    assert first["current"]
    assert first["complete"]
    publish(store, load_sample(), force=True)  # the same again: nothing new
    second = publish(store, replace(load_sample(), config={"changed": True}), force=True)
    assert run("verify", "-s", store)[0] == 0
    assert first["version"] in run("rollback", "-s", store)[1]
    vectors = second.path / "two_tower.safetensors"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"\x55")
    code, out, _ = run("verify", second.manifest.version, "-s", store)
    assert code == 4
    assert "two_tower.safetensors" in out
    listed = run("list", "-s", store)[1]
    assert "damaged" in listed
    assert second.manifest.version in listed


def test_list_shows_what_helps_to_choose(run, tmp_path, make_contents):
    contents = make_contents(seed=1)
    metrics = contents.metrics.document | {"ci95": {"5": {"pipeline": [0.48, 0.52]}}, "n_people": 1465}
    publish(tmp_path, replace(contents, metrics=Metrics.model_validate(metrics)))
    publish(tmp_path, load_sample(), force=True)
    out = run("list", "-s", tmp_path)[1]
    for shown in ("NDCG@10 [95 %]", "0.500", "[0.480, 0.520]", "1,465", "now"):
        assert shown in out
    unmeasured, measured = json.loads(run("list", "-s", tmp_path, "--json")[1])
    assert (measured["ndcg@10"], measured["ci95"], measured["n_people"]) == (0.5, [0.48, 0.52], 1465)
    assert (unmeasured["ndcg@10"], unmeasured["ci95"], unmeasured["n_people"]) == (None, None, None)


@pytest.mark.parametrize(("hours", "age"), [(0.5, "now"), (1, "1 h"), (47.9, "47 h"), (48, "2 d"), (24 * 40, "40 d")])
def test_age_is_told_in_the_unit_that_fits(hours, age):
    from marquee_cli.bundles import _age

    assert _age(datetime.now(UTC) - timedelta(hours=hours)) == age


def test_the_model_card_for_people_programs_and_files(run, store):
    manifest = load(store).manifest
    made = model_card(manifest)
    assert ModelCard.model_validate_json(run("card", "-s", store, "--json")[1]) == made
    assert run("card", manifest.version, "-s", store, "--markdown")[1] == markdown(made)
    code, out, _ = run("card", "-s", store)
    assert code == 0
    assert "how accurate" in out
    assert "##" not in out


def test_no_card_of_what_is_not_there(run, store):
    code, _, err = run("card", "-s", store, "--json", "--markdown")
    assert code == 2
    assert "give one of them" in err
    code, _, err = run("card", "2026-01-01T00-00-00Z-00000000", "-s", store)
    assert code == 4
    assert "no version 2026-01-01T00-00-00Z-00000000" in err


def test_publish_a_folder_made_elsewhere(run, tmp_path):
    code, _, err = run("publish", SAMPLE, "-s", tmp_path / "store")
    assert code == 5
    assert "--force" in err
    assert run("publish", SAMPLE, "-s", tmp_path / "store", "--force")[0] == 0
    assert run("doctor", "-s", tmp_path / "store")[0] == 0


def test_without_a_bundle(run, tmp_path):
    code, _, err = run("recommend", "-s", tmp_path, "--tmdb-ids", "1")
    assert code == 4
    assert "marquee train" in err
    assert "marquee train" in run("list", "-s", tmp_path)[1]
    assert run("doctor", "-s", tmp_path)[0] == 0


def test_doctor_finds_a_wrong_setting(run, store, monkeypatch):
    monkeypatch.setenv("MARQUEE_PROT", "1")
    code, out, _ = run("doctor", "-s", store, "--json")
    facts = json.loads(out)
    assert code == 1
    assert not facts["healthy"]
    assert "MARQUEE_PROT is not a setting" in facts["settings"]


def test_data_train_and_demo(run, tmp_path):
    write_movielens(synthesize(150, 80, 4500), tmp_path / "data")
    facts = json.loads(run("data", "-d", tmp_path / "data", "--json")[1])
    assert facts["people"] == 150
    code, out, err = run("demo", "-d", tmp_path / "data", "-s", tmp_path / "store", "-c", "quick", "--no-serve")
    assert code == 0, err
    assert "NDCG@10" in out
    assert "affinity" in out
    # A second time the bundle is there already.
    assert "--retrain" in run("demo", "-d", tmp_path / "data", "-s", tmp_path / "store", "--no-serve")[1]
    code, out, _ = run("train", "-d", tmp_path / "data", "-s", tmp_path / "store", "-c", "quick", "--json")
    assert code == 0
    assert json.loads(out)["metrics"]["ndcg@10"]["5"]["pipeline"] > 0


def test_evaluate_writes_one_document_or_a_list(run, tmp_path):
    write_movielens(synthesize(150, 80, 4500), tmp_path / "data")
    command = ["evaluate", "-d", tmp_path / "data", "-c", "quick", "--folds", 1, "-q"]
    code, out, err = run(*command, "--seeds", "3,1", "--json", tmp_path / "eval" / "both.json")
    assert code == 0, err
    assert "few-seeds: ndcg@10 on" in out
    assert "holdout: ndcg@100 on" in out
    both = json.loads((tmp_path / "eval" / "both.json").read_text())
    assert [document["protocol"] for document in both] == ["few-seeds", "holdout"]
    assert {row["k"] for row in both[0]["rows"]} == {1, 3}
    code, out, err = run(*command, "--seeds", "2", "--protocol", "few-seeds", "--json", "-")
    assert code == 0, err
    assert {row["k"] for row in json.loads(out)["rows"]} == {2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--protocol", "leave-one-out"), "use one of few-seeds, holdout, temporal, cold-items"),
        (("--seeds", "1;3"), "write it like 1,3,5,10"),
        (("--seeds", "0"), "write it like 1,3,5,10"),
        (("--seeds", "50"), "below eval_min_positives"),
    ],
)
def test_questions_that_cannot_be_asked_name_the_fix(run, tmp_path, arguments, message):
    write_movielens(synthesize(30, 40, 400), tmp_path / "data")
    code, _, err = run("evaluate", "-d", tmp_path / "data", "-c", "quick", *arguments)
    assert code == 2
    assert message in err


def test_broken_data_and_configuration(run, tmp_path):
    write_movielens(synthesize(30, 40, 400), tmp_path / "data")
    code, _, err = run("train", "-d", tmp_path / "data", "-c", "smal")
    assert code == 2
    assert "small" in err
    (tmp_path / "data" / "movies.csv").unlink()
    code, _, err = run("data", "-d", tmp_path / "data")
    assert code == 3
    assert "movies.csv is missing" in err
    assert "fix:" in err


def test_sample_request_without_tmdb_ids_goes_by_title(make_contents):
    from marquee.pipeline import Pipeline
    from marquee_cli.recommend import SAMPLE, sample_request

    contents = make_contents(n_movies=3)
    catalog = replace(contents.catalog, tmdb_ids=np.zeros(3, dtype=np.int64), titles=("Titanic", "Other", "Third"))
    request, title = sample_request(Pipeline(replace(contents, catalog=catalog)))
    assert request == {"movie_ids": [1], "top_n": 5}
    assert "Titanic" in title
    assert 597 in SAMPLE


def test_the_page_as_files_for_an_api_elsewhere(run, tmp_path):
    for _ in range(2):  # an earlier page is replaced
        code, out, _ = run("page", tmp_path / "page", "--api", "https://api.example/films/")
        assert code == 0
    assert "MARQUEE_CORS_ORIGINS" in out
    html = (tmp_path / "page" / "index.html").read_text()
    assert '<meta name="api" content="https://api.example/films/">' in html
    assert "connect-src https://api.example;" in html
    assert not re.search(r'(href|src)="/', html)
    assert (tmp_path / "page" / "ui" / "app.js").is_file()


@pytest.mark.parametrize(
    "api", ["api.example", "ftp://api.example", "https://api.example?x", 'https://a"b', "https://"]
)
def test_the_page_needs_an_address(run, tmp_path, api):
    code, _, said = run("page", tmp_path / "page", "--api", api)
    assert (code, "https://api.example" in said, (tmp_path / "page").exists()) == (2, True, False)


def test_the_page_overwrites_nothing_else(run, tmp_path):
    (tmp_path / "index.html").write_text("mine")
    code, _, said = run("page", tmp_path, "--api", "https://api.example")
    assert (code, (tmp_path / "index.html").read_text()) == (2, "mine")
    assert "other files" in said
    (tmp_path / "file").touch()
    assert run("page", tmp_path / "file" / "page", "--api", "https://api.example")[0] == 2


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, 6), (errno.EROFS, 6), (errno.EIO, 1)])
def test_a_store_that_refuses_is_said_in_words_with_a_code_that_means_something(run, store, monkeypatch, number, code):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    got, _, said = run("publish", SAMPLE, "-s", store, "--force")
    assert got == 0  # the same again writes nothing
    got, _, said = run("promote", load(store).version, "-s", store, "--to", "staging")
    assert got == code
    assert f"can't move the pointer: {os.strerror(number)}" in said
    assert "fix: " in said
