"""A small world with tastes that can be learned."""

import numpy as np
import pytest
from scipy import sparse

from training.interactions import Interactions


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
