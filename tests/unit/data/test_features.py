"""Catalogue and content features: aligned with the films, the same every time, whole where data is missing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from marquee_training.data import features
from marquee_training.data.dataset import Dataset, Genome
from marquee_training.data.features import content_matrix, to_catalog
from marquee_training.data.movielens import movies_frame, no_tags, ratings_frame
from marquee_training.data.synthetic import synthesize

GENRES = ["Action|Drama", "Drama", "", "Comedy|Drama|War", "Comedy", "War"]
YEARS = [1999, 1985, 0, 2010, 1903, 2035]


@pytest.fixture
def six():
    """Six films; five have the tag "slow", three the rare "odd"."""
    titles = [f"Film {n} ({year})" if year else f"Film {n}" for n, year in enumerate(YEARS)]
    movies = movies_frame(np.arange(10, 70, 10), titles, GENRES, {10: 501, 40: 504}, {20: 133093})
    slow = [(movie, "slow", count) for movie, count in zip((10, 20, 30, 40, 50), (1, 2, 3, 4, 50), strict=True)]
    odd = [(movie, "odd", 1) for movie in (10, 20, 30)]
    tags = pd.DataFrame(sorted(slow + odd), columns=["movie_id", "tag", "count"])
    one = np.ones(1)
    return Dataset("six", "test", ratings_frame(one, 10 * one, one, one), movies, tags, None, "0" * 64)


def catalog_of(dataset):
    return to_catalog(dataset, np.zeros(len(dataset.movies), dtype=np.int32))


def block(matrix, names, prefix):
    return matrix[:, [at for at, name in enumerate(names) if name.startswith(prefix)]]


def test_the_catalogue_is_the_films_in_order(six):
    popularity = np.arange(6, dtype=np.int32)
    catalog = to_catalog(six, popularity)
    assert catalog.movie_ids.tolist() == [10, 20, 30, 40, 50, 60]
    assert catalog.tmdb_ids.tolist() == [501, 0, 0, 504, 0, 0]
    assert catalog.titles[:2] == ("Film 0", "Film 1")
    assert catalog.years.tolist() == YEARS
    assert catalog.genre_names == ("Action", "Comedy", "Drama", "War")
    assert catalog.rows_of_imdb([133093, 7]) == ([1], [7])
    assert catalog.genres.tolist()[2:4] == [[False] * 4, [False, True, True, True]]
    assert catalog.popularity is popularity


def test_a_films_genres_share_one_unit(six):
    matrix, names = content_matrix(six, catalog_of(six))
    genres = block(matrix, names, "genre:")
    np.testing.assert_allclose(np.linalg.norm(genres, axis=1), [1, 1, 0, 1, 1, 1], rtol=1e-6)
    assert genres[1].tolist() == [0, 0, 1, 0]


def test_years_have_a_decade_and_a_trend_and_unknown_ones_neither(six):
    matrix, names = content_matrix(six, catalog_of(six))
    decades = block(matrix, names, "decade:")
    assert [names[int(at)] for at in matrix[[0, 4], :].argmax(axis=1)]  # each has some feature
    assert decades.argmax(axis=1).tolist() == [9, 8, 0, 11, 0, 12]
    assert decades.sum(axis=1).tolist() == [1, 1, 0, 1, 1, 1]
    trend = matrix[:, names.index("year")]
    assert trend[2] == 0
    assert trend[4] < trend[1] < trend[0] < trend[3] < trend[5]
    assert np.abs(trend).max() <= 3


def test_only_tags_of_several_films_count_and_rows_have_unit_length(six):
    matrix, names = content_matrix(six, catalog_of(six))
    assert [name for name in names if name.startswith("tag:")] == ["tag:slow"]
    np.testing.assert_allclose(block(matrix, names, "tag:")[:, 0], [1, 1, 1, 1, 1, 0], rtol=1e-6)


def test_without_tags_or_genome_there_are_no_such_features(six):
    bare = replace(six, tags=no_tags())
    matrix, names = content_matrix(bare, catalog_of(bare))
    assert {name.split(":")[0] for name in names} == {"genre", "year", "decade"}
    assert matrix.shape == (6, 4 + 1 + features.N_DECADES)


def test_the_genome_keeps_the_distances_of_its_films(six):
    rng = np.random.default_rng(0)
    relevance = rng.random((3, 5)).astype(np.float32)
    scored = replace(six, genome=Genome(np.array([10, 30, 60]), tuple("abcde"), relevance))
    matrix, names = content_matrix(scored, catalog_of(scored))
    genome = block(matrix, names, "genome:")
    assert genome.shape == (6, 5)
    assert not genome[[1, 3, 4]].any()  # films without scores
    assert np.linalg.norm(genome[[0, 2, 5]], axis=1).mean() == pytest.approx(1, rel=1e-5)
    distances = [np.linalg.norm(rows[0] - rows[1:], axis=1) for rows in (relevance, genome[[0, 2, 5]])]
    np.testing.assert_allclose(distances[0][0] / distances[0][1], distances[1][0] / distances[1][1], rtol=1e-4)


def test_a_large_genome_is_cut_to_its_strongest_directions(six):
    relevance = np.random.default_rng(1).random((6, 100)).astype(np.float32)
    tags = tuple(f"t{n}" for n in range(100))
    scored = replace(six, genome=Genome(np.arange(10, 70, 10), tags, relevance))
    matrix, names = content_matrix(scored, catalog_of(scored))
    genome = block(matrix, names, "genome:")
    assert genome.shape == (6, features.GENOME_DIMENSIONS)
    strength = np.linalg.norm(genome, axis=0)
    assert strength[0] == strength.max()
    assert np.isfinite(genome).all()


def test_a_genome_without_differences_is_zero(six):
    same = Genome(np.arange(10, 70, 10), ("a", "b"), np.full((6, 2), 0.5, dtype=np.float32))
    scored = replace(six, genome=same)
    matrix, names = content_matrix(scored, catalog_of(scored))
    np.testing.assert_allclose(block(matrix, names, "genome:"), 0, atol=1e-6)


def test_at_most_so_many_tags_the_most_used_ones(six, monkeypatch):
    monkeypatch.setattr(features, "MIN_ITEMS", 1)
    monkeypatch.setattr(features, "MAX_WORDS", 1)
    _, names = content_matrix(six, catalog_of(six))
    assert [name for name in names if name.startswith("tag:")] == ["tag:slow"]
    monkeypatch.setattr(features, "MAX_WORDS", 2)
    _, names = content_matrix(six, catalog_of(six))
    assert [name for name in names if name.startswith("tag:")] == ["tag:odd", "tag:slow"]


@pytest.mark.parametrize("genome", [True, False])
def test_shapes_names_and_sameness(genome):
    made = synthesize(30, 200, 900, genome=genome)
    catalog = catalog_of(made)
    matrix, names = content_matrix(made, catalog)
    assert matrix.shape == (200, len(names))
    assert matrix.dtype == np.float32
    assert np.isfinite(matrix).all()
    assert len(set(names)) == len(names)
    assert any(name.startswith("genome:") for name in names) == genome
    again, names_again = content_matrix(made, catalog)
    np.testing.assert_array_equal(matrix, again)
    assert names == names_again


def test_the_order_of_the_tag_rows_does_not_matter(six):
    turned = replace(six, tags=six.tags.iloc[::-1].reset_index(drop=True))
    np.testing.assert_array_equal(content_matrix(six, catalog_of(six))[0], content_matrix(turned, catalog_of(six))[0])
