"""Ratings as sparse matrices: people by films."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee_training.data.dataset import Dataset


@dataclass(frozen=True)
class Interactions:
    """One row per person, one column per film of the catalogue (ascending MovieLens id).

    Attributes:
        user_ids: (u,) int32, ascending.
        movie_ids: (n,) int64, ascending.
        ratings: (u, n) CSR float32, every rating.
        likes: (u, n) CSR float32 of ones, the ratings of at least `positive_rating`.
    """

    user_ids: NDArray[np.int32]
    movie_ids: NDArray[np.int64]
    ratings: sparse.csr_matrix
    likes: sparse.csr_matrix

    def select(self, people: NDArray[np.int64]) -> "Interactions":
        """The ratings of some people, given by row."""
        return Interactions(self.user_ids[people], self.movie_ids, self.ratings[people], self.likes[people])

    @property
    def n_movies(self) -> int:
        """How many films the catalogue has."""
        return len(self.movie_ids)

    @property
    def popularity(self) -> NDArray[np.int32]:
        """(n,) int32: how many people like each film."""
        return np.asarray(np.bincount(self.likes.indices, minlength=self.n_movies), dtype=np.int32)

    def liked(self, person: int) -> NDArray[np.int32]:
        """Columns of the films that a person likes, ascending."""
        return np.asarray(self.likes.indices[self.likes.indptr[person] : self.likes.indptr[person + 1]], dtype=np.int32)

    @property
    def n_liked(self) -> NDArray[np.int64]:
        """(u,) int64: how many films each person likes."""
        return np.asarray(np.diff(self.likes.indptr), dtype=np.int64)


def build_interactions(dataset: Dataset, positive_rating: float) -> Interactions:
    """Sparse matrices of a data set's ratings."""
    movie_ids = dataset.movies["movie_id"].to_numpy(np.int64)
    user_ids, rows = np.unique(dataset.ratings["user_id"].to_numpy(), return_inverse=True)
    columns = np.searchsorted(movie_ids, dataset.ratings["movie_id"].to_numpy())
    values = dataset.ratings["rating"].to_numpy(np.float32)
    ratings = sparse.csr_matrix((values, (rows, columns)), shape=(len(user_ids), len(movie_ids)))
    ratings.sort_indices()
    likes = ratings.copy()
    likes.data = (ratings.data >= positive_rating).astype(np.float32)
    likes.eliminate_zeros()
    return Interactions(user_ids.astype(np.int32), movie_ids, ratings, likes)


@dataclass(frozen=True)
class Fold:
    """People by row: those to fit on, those who tell when to stop, those to judge by."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_people(n_people: int, n_folds: int, validation_share: float, seed: int) -> list[Fold]:
    """Deal people into folds; nobody is in two parts of a fold (strong generalisation)."""
    order = np.random.default_rng(seed).permutation(n_people)
    folds = []
    for part in np.array_split(order, n_folds):
        rest = order[~np.isin(order, part)]
        n_validation = max(1, int(len(rest) * validation_share))
        folds.append(Fold(np.sort(rest[n_validation:]), np.sort(rest[:n_validation]), np.sort(part)))
    return folds
