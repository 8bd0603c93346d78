"""The invented data can be learned from, and is the same every time."""

import numpy as np
import pandas as pd
import pytest

from marquee.errors import DataError
from marquee_training.data import synthetic
from marquee_training.data.features import content_matrix, to_catalog
from marquee_training.data.sources import describe
from marquee_training.data.synthetic import synthesize


@pytest.fixture(scope="module")
def made():
    return synthesize()


def likes_matrix(dataset):
    shape = (dataset.ratings["user_id"].max() + 1, len(dataset.movies) + 1)
    matrix = np.zeros(shape, dtype=np.float32)
    liked = dataset.ratings[dataset.ratings["rating"] >= 4]
    matrix[liked["user_id"], liked["movie_id"]] = 1
    return matrix


def test_the_same_arguments_give_the_same_data(made):
    again = synthesize()
    pd.testing.assert_frame_equal(made.ratings, again.ratings)
    pd.testing.assert_frame_equal(made.movies, again.movies)
    assert made.sha256 == again.sha256
    other = synthesize(seed=1)
    assert not made.ratings.equals(other.ratings)
    assert made.sha256 != other.sha256


def test_every_argument_counts_in_the_hash():
    sizes = [(10, 20, 80, 0), (11, 20, 80, 0), (10, 21, 80, 0), (10, 20, 81, 0), (10, 20, 80, 1)]
    hashes = {synthesize(*size).sha256 for size in sizes} | {synthesize(10, 20, 80, genome=False).sha256}
    assert len(hashes) == 6


def test_other_random_numbers_change_nothing_and_are_not_changed():
    np.random.seed(5)  # noqa: NPY002 - the old global state is what is tested
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    one = synthesize(10, 20, 80)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    np.random.random()  # noqa: NPY002
    pd.testing.assert_frame_equal(synthesize(10, 20, 80).ratings, one.ratings)


def test_the_genome_may_be_left_out():
    assert synthesize(10, 20, 80, genome=False).genome is None


@pytest.mark.parametrize(
    ("n_users", "n_movies", "n_ratings"), [(2, 2, 2), (50, 40, 1000), (3, 3000, 300), (900, 30, 900)]
)
def test_extreme_sizes(n_users, n_movies, n_ratings):
    made = synthesize(n_users, n_movies, n_ratings)
    assert made.ratings["user_id"].nunique() == n_users
    assert len(made.movies) == n_movies
    assert made.movies["title"].is_unique
    assert not made.ratings.duplicated(["user_id", "movie_id"]).any()
    assert made.ratings.groupby("user_id").size().max() <= max(1, n_movies // 2)


def test_people_are_made_in_blocks_so_that_memory_stays_bounded(monkeypatch):
    """One block after the other is as sound as all at once."""
    monkeypatch.setattr(synthetic, "_BLOCK", 7)
    made = synthesize(100, 500, 2000)
    assert made.ratings["user_id"].nunique() == 100
    assert made.ratings["user_id"].is_monotonic_increasing
    assert not made.ratings.duplicated(["user_id", "movie_id"]).any()
    assert len(made.ratings) == pytest.approx(2000, rel=0.05)


def test_types_are_those_of_every_data_set(made):
    assert [str(kind) for kind in made.ratings.dtypes] == ["int32", "int32", "float32", "int64"]
    assert [str(kind) for kind in made.movies.dtypes] == ["int32", "str", "int16", "str", "int64", "int64"]
    assert made.tags["count"].min() >= 1
    assert set(made.ratings["rating"]) <= {half / 2 for half in range(1, 11)}
    assert made.ratings["movie_id"].isin(made.movies["movie_id"]).all()
    assert made.tags["movie_id"].isin(made.movies["movie_id"]).all()
    known = made.movies["tmdb_id"][made.movies["tmdb_id"] > 0]
    assert known.is_unique
    assert made.movies["year"].between(1920, 2020).all()


def test_genres_follow_taste(made):
    """Films that the same people like share genres more often than films do at large."""
    likes = likes_matrix(made)[:, 1:]
    counts = likes.sum(0)
    together = likes.T @ likes / np.sqrt(np.outer(counts + 5, counts + 5))
    np.fill_diagonal(together, 0)
    genres = [set(names.split("|")) for names in made.movies["genres"]]
    popular = np.argsort(-counts)[:200]
    shared = [len(genres[film] & genres[int(together[film].argmax())]) > 0 for film in popular]
    other = [len(genres[a] & genres[b]) > 0 for a in popular for b in popular[:50] if a != b]
    assert np.mean(shared) > np.mean(other) + 0.1


def test_it_is_a_sound_data_set(made):
    assert not made.ratings.duplicated(["user_id", "movie_id"]).any()
    assert made.ratings["rating"].between(0.5, 5).all()
    assert made.movies["title"].is_unique
    assert len(made.ratings) == pytest.approx(60_000, rel=0.05)
    assert (made.movies["tmdb_id"] > 0).mean() > 0.9
    assert made.genome.relevance.min() >= 0
    assert made.genome.relevance.max() <= 1
    assert "SYNTHETIC" in made.notes[0]


def test_popularity_has_a_long_tail(made):
    counts = made.ratings["movie_id"].value_counts()
    assert counts.iloc[: len(counts) // 10].sum() > 0.3 * counts.sum()


def test_taste_can_be_learned(made):
    """Films liked together with a person's first likes find their others far better than popularity does."""
    likes = likes_matrix(made)
    train, test = likes[:480], likes[480:]
    popularity = train.sum(0)
    together = train.T @ train
    together /= np.sqrt(np.outer(popularity + 5, popularity + 5))
    hits = {"together": 0, "popularity": 0}
    for row in test:
        liked = np.flatnonzero(row)
        if len(liked) < 20:
            continue
        seeds, targets = liked[::2], set(liked[1::2])
        for name, scores in (("together", together[seeds].sum(0)), ("popularity", popularity.copy())):
            scores[seeds] = -1
            hits[name] += len(targets & set(np.argsort(-scores)[:10]))
    assert hits["together"] > 2 * hits["popularity"]  # about 3 times, whatever the seed


@pytest.mark.parametrize("arguments", [(1, 10, 5), (10, 10, 51), (10, 10, 9)])
def test_impossible_sizes(arguments):
    with pytest.raises(DataError, match=r"can't be made up[^$]*half of all pairs"):
        synthesize(*arguments)


def test_catalogue_and_features_follow_the_films(made):
    popularity = np.arange(1200, dtype=np.int32)
    catalog = to_catalog(made, popularity)
    assert catalog.movie_ids.tolist() == made.movies["movie_id"].tolist()
    assert catalog.popularity is popularity
    for row in (0, 7, 1199):
        own = [name for name, has in zip(catalog.genre_names, catalog.genres[row], strict=True) if has]
        assert "|".join(own) == made.movies["genres"].iloc[row]
    features, names = content_matrix(made, catalog)
    assert features.shape == (1200, len(names))
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert {name.split(":")[0] for name in names} == {"genre", "year", "decade", "tag", "genome"}
    np.testing.assert_array_equal(content_matrix(made, catalog)[0], features)
    without = content_matrix(synthesize(genome=False), catalog)[1]
    assert not any(name.startswith("genome") for name in without)


def test_films_alike_in_genre_are_alike_in_features(made):
    catalog = to_catalog(made, np.zeros(1200, dtype=np.int32))
    features = content_matrix(made, catalog)[0]
    genres = catalog.genres.astype(np.float32)
    same = genres[1:] @ genres[0] > 0
    distance = np.linalg.norm(features[1:] - features[0], axis=1)
    assert distance[same].mean() < distance[~same].mean()


def test_describe(made):
    facts = describe(made)
    assert facts["people"] == 600
    assert facts["films"] == 1200
    assert sum(facts["stars"].values()) == pytest.approx(1, abs=0.01)
    assert facts["notes"]
