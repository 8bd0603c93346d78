"""Rows find their films; what isn't certain is a doubt, and never a guess."""

from itertools import chain

import pytest

from marquee.api.ratings import RatingRow
from marquee.films import Films
from marquee.ratings import read_export
from tests.exports import ODD, Film, bundle_of, films_of, imdb_csv, letterboxd_zip, movielens_csv, trakt_json


@pytest.fixture(scope="module")
def bundle(make_contents):
    return bundle_of(make_contents(1000))


@pytest.fixture(scope="module")
def films(bundle):
    return Films(bundle)


def rows_of(bundle, resolved):
    return [bundle.catalog.row_of_movie(found.movie.movie_id) for found in resolved.films]


def match(films, title, year=None, **ids):
    return films.resolver.match_all([RatingRow(title=title, year=year, **ids)])[0]


@pytest.mark.parametrize("n", [30, 900])
@pytest.mark.parametrize("kind", ["letterboxd", "imdb", "trakt", "movielens"])
def test_an_export_of_the_catalogues_films_is_found_whole(bundle, films, kind, n):
    given = films_of(bundle, n)
    data = {
        "letterboxd": letterboxd_zip,
        "imdb": imdb_csv,
        "trakt": trakt_json,
        "movielens": lambda some: movielens_csv(bundle, some),
    }[kind](given)
    resolved = films.resolve(read_export(data).rows)
    assert rows_of(bundle, resolved) == list(range(1000 - n, 1000))
    assert resolved.doubts == []
    # The series called Heat, of the year of a film of that name.
    assert len(resolved.unknown) == (kind in {"imdb", "trakt"})


@pytest.mark.parametrize(("film", "row"), ODD, ids=[film.title for film, _ in ODD])
def test_odd_titles_are_found_or_asked_about(films, film, row):
    found = match(films, film.title, film.year)
    assert found.is_certain == (row is not None)
    if row is not None:
        assert found.rows == [row]


def test_titles_of_films_that_are_not_there_become_no_others(bundle, films):
    for title in ("Tenet", "Us", "Suspects", "Matrix Resurrections"):
        assert not match(films, title).is_certain
    assert [len(match(films, title, year).rows) for title, year in (("Tenet", 2020), ("Us", 2019))] == [0, 0]


def test_a_doubt_has_what_it_can_mean(films):
    assert match(films, "Dune", 2021).rows == [4, 5]
    assert match(films, "Dune").rows == [4, 5]
    assert match(films, "Star Wars").rows == [6, 7]
    assert match(films, "Lord of the Rings").rows == [17, 16]  # the film of that name isn't the best known of it
    misspelt = match(films, "The Matrx", 1999)
    assert (misspelt.rows, misspelt.is_certain) == ([0], False)


def test_without_a_year_a_far_better_known_film_is_meant(films):
    assert match(films, "Heat") == ([13, 14], True)
    assert match(films, "Heat (1986)") == ([14], True)


def test_ids_come_first_and_those_that_contradict_a_title_make_a_doubt(bundle, films):
    assert match(films, "Anything", imdb_id="tt0133093") == ([0], True)
    assert match(films, "The Matrix", 1999, imdb_id="tt7777777") == ([0], False)
    # A plain number can be of another list of films.
    assert match(films, "Heat", 1995, movie_id=int(bundle.catalog.movie_ids[0])) == ([13], True)
    assert match(films, "", movie_id=int(bundle.catalog.movie_ids[0])) == ([0], True)


def test_each_row_is_in_one_list_and_in_order(films):
    rows = [RatingRow(title=film.title, year=film.year) for film, _ in ODD]
    resolved = films.resolve([*rows, RatingRow(title=Film("Heat", 1995, 1).title, series=True)])
    lists = [one.row for one in resolved.films], [one.row for one in resolved.doubts], resolved.unknown
    assert sorted(chain(*lists)) == list(range(len(rows) + 1))
    assert all(one == sorted(one) for one in lists)
