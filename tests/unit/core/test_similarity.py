"""How alike a film and the seeds are in genre and year, by hand."""

from math import exp, log, sqrt

import numpy as np
import pytest

from marquee.models.catalog import Catalog


def catalog(genres, years):
    """One film per word of letters, its genres, and its year."""
    n = len(genres)
    return Catalog(
        movie_ids=np.arange(1, n + 1),
        tmdb_ids=np.arange(1, n + 1),
        titles=tuple(genres),
        years=np.array(years, dtype=np.int16),
        genre_names=tuple("abcd"),
        genres=np.array([[letter in film for letter in "abcd"] for film in genres]),
        popularity=np.ones(n, dtype=np.int32),
    )


def test_genres_are_compared_with_each_seed_alone():
    films = catalog(["ab", "c", "abc", "d", ""], [2000] * 5)
    # Each film has one like; two of five have a, b or c, one has d.
    common = -log(2 / 5)
    ab_abc = 2 * common**2 / (sqrt(2) * common * sqrt(3) * common)
    expected = [(1 + 0) / 2, (0 + 1) / 2, (ab_abc + 1 / sqrt(3)) / 2, 0, 0]
    np.testing.assert_allclose(films.genre_similarity([0, 1]), expected, rtol=1e-6)
    np.testing.assert_allclose(films.genre_similarity([0]), [1, 0, ab_abc, 0, 0], rtol=1e-6)
    assert not films.genre_similarity([4]).any()  # no genres are like none


def test_a_genre_of_few_likes_says_more():
    films = catalog(["ab", "a", "b", "a", "a"], [2000] * 5)
    shared_a, shared_b = films.genre_similarity([0])[1:3]
    assert shared_b > shared_a > 0


def test_years_are_compared_with_each_seed_alone():
    films = catalog(["a"] * 4, [1980, 2000, 1990, 0])
    # Half-way between two seeds is close to neither.
    expected = [(1 + exp(-20 / 8)) / 2, (exp(-20 / 8) + 1) / 2, exp(-10 / 8), 0]
    np.testing.assert_allclose(films.year_similarity([0, 1], 8.0), expected, rtol=1e-6)


def test_unknown_years_are_close_to_nothing():
    films = catalog(["a"] * 3, [1980, 0, 0])
    assert not films.year_similarity([1, 2], 8.0).any()
    np.testing.assert_allclose(films.year_similarity([0, 1], 8.0), [1 / 2, 0, 0])


@pytest.mark.parametrize("seeds", [[0, 7, 3, 12, 30], list(range(40))])
def test_the_order_of_the_seeds_changes_no_bit(make_contents, seeds):
    films = make_contents(n_movies=120, seed=3).catalog
    np.testing.assert_array_equal(films.genre_similarity(seeds), films.genre_similarity(seeds[::-1]))
    np.testing.assert_array_equal(films.year_similarity(seeds, 8.0), films.year_similarity(seeds[::-1], 8.0))
