"""A small world with tastes that can be learned."""

from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.interactions import Interactions
from marquee_training.progress import Reporter

# One fold of few epochs; two processes have unequal shares of its batches.
SHORT_CONFIG = TrainingConfig(
    epochs=8,
    eval_every=2,
    patience=8,
    embedding_size=16,
    batch_size=31,
    learning_rate=1e-2,
    eval_folds=3,
    eval_folds_run=1,
    eval_draws=1,
    eval_min_positives=12,
    eval_max_people=20,
    item_cf_l2=10,
)


class Doomed(Reporter):
    """Ends the job at its report of that number, counted over all stages."""

    def __init__(self, limit, end):
        super().__init__(quiet=True)
        self.left, self.end = limit, end

    @contextmanager
    def stage(self, name, unit="epoch"):
        def report(*_):
            self.left -= 1
            if self.left == 0:
                self.end()

        yield report


def make_world(n_people=120, n_movies=60, n_tastes=3, seed=0):
    """People of one taste each, who like the films of their taste far more often than others."""
    rng = np.random.default_rng(seed)
    taste_of_movie = np.arange(n_movies) % n_tastes
    taste_of_person = rng.integers(0, n_tastes, n_people)
    same = taste_of_person[:, None] == taste_of_movie[None, :]
    rated = rng.random((n_people, n_movies)) < np.where(same, 0.8, 0.25)
    stars = np.where(same, 4.5, 2.0) + rng.integers(-1, 2, same.shape) * 0.5
    ratings = sparse.csr_matrix(np.where(rated, stars, 0).astype(np.float32))
    likes = sparse.csr_matrix((ratings.toarray() >= 4).astype(np.float32))
    ids = np.arange(10, 10 + 3 * n_movies, 3, dtype=np.int64)
    return Interactions(np.arange(1, n_people + 1, dtype=np.int32), ids, ratings, likes)


def world_content(n_movies=60, n_tastes=3):
    return np.eye(n_tastes, dtype=np.float32)[np.arange(n_movies) % n_tastes]


@pytest.fixture(scope="session")
def world():
    return make_world()


@pytest.fixture(scope="session")
def content():
    return world_content()


@pytest.fixture(scope="session")
def dataset(world):
    return make_dataset(world)


def make_dataset(world):
    """The same world as a data set."""
    rows, columns = world.ratings.nonzero()
    ratings = pd.DataFrame(
        {
            "user_id": world.user_ids[rows],
            "movie_id": world.movie_ids[columns].astype(np.int32),
            "rating": np.asarray(world.ratings[rows, columns], dtype=np.float32).ravel(),
            "timestamp": np.arange(len(rows), dtype=np.int64),
        }
    )
    genres = ("Comedy", "Drama", "Horror")
    movies = pd.DataFrame(
        {
            "movie_id": world.movie_ids.astype(np.int32),
            "title": [f"Film {number}" for number in range(60)],
            "year": np.full(60, 1990, dtype=np.int16),
            "genres": [genres[number % 3] for number in range(60)],
            "tmdb_id": world.movie_ids + 5000,
            "imdb_id": world.movie_ids + 7000,
        }
    )
    tags = pd.DataFrame(
        {"movie_id": pd.Series(dtype=np.int32), "tag": pd.Series(dtype=str), "count": pd.Series(dtype=np.int32)}
    )
    return Dataset("world", "made up", ratings, movies, tags, None, "a" * 64)
