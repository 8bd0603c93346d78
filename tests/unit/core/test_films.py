"""How liked a film is, and well-known films to begin with."""

from dataclasses import replace

import numpy as np
import pytest

from marquee.errors import UnknownGenre, UnknownMovie
from marquee.films import N_WELL_KNOWN, well_known
from marquee.pipeline import Pipeline


@pytest.fixture(scope="module")
def catalog(make_contents):
    return make_contents(n_movies=600, seed=3).catalog


def test_details_count_likes_and_films_above(make_contents):
    contents = make_contents(n_movies=4)
    likes = np.array([5, 9, 5, 1], dtype=np.int32)
    pipeline = Pipeline(replace(contents, catalog=replace(contents.catalog, popularity=likes)))
    told = [pipeline.films.details(movie) for movie in (1, 4, 7, 10)]
    assert [(film.likes, film.popularity_rank) for film in told] == [(5, 2), (9, 1), (5, 2), (1, 4)]
    assert {(film.n_films, film.model_version) for film in told} == {(4, "unpublished")}
    assert told[0].title == "Film 1"
    with pytest.raises(UnknownMovie, match="no film has the MovieLens id 2"):
        pipeline.films.details(2)


def test_a_seed_draws_the_same_films_and_another_seed_others(catalog):
    drawn = [well_known(catalog, 12, seed=seed) for seed in (7, 7, 8)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 12


def test_without_a_seed_each_draw_is_new(catalog):
    assert len({tuple(well_known(catalog, 12)) for _ in range(5)}) > 1


def test_only_well_known_films_are_drawn(catalog):
    least = np.sort(catalog.popularity)[-N_WELL_KNOWN]
    rows = {row for seed in range(20) for row in well_known(catalog, 12, seed=seed)}
    assert min(catalog.popularity[sorted(rows)]) >= least


def test_draws_are_spread_over_genres(catalog):
    """Seven tenths of the films are of one genre, a tenth of each other one: a draw has about as many of each."""
    rng = np.random.default_rng(0)
    of = rng.choice(4, len(catalog), p=[0.7, 0.1, 0.1, 0.1])
    uneven = replace(catalog, genres=np.eye(4, dtype=np.bool_)[of])
    for seed in range(5):
        counts = uneven.genres[well_known(uneven, 12, seed=seed)].sum(axis=0)
        assert counts.tolist() == [3, 3, 3, 3]


def test_a_genre_narrows_whatever_its_case(catalog):
    column = catalog.genre_names.index("Horror")
    assert catalog.genres[well_known(catalog, 12, seed=1, genre="horror"), column].all()
    with pytest.raises(UnknownGenre, match="no film has the genre 'Western'"):
        well_known(catalog, 12, genre="Western")


def test_a_small_catalogue_gives_what_it_has(make_contents):
    assert sorted(well_known(make_contents(n_movies=5).catalog, 12, seed=0)) == [0, 1, 2, 3, 4]
