"""Ratings as sparse matrices: people by films."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from marquee.errors import DataError
from marquee_training.data.dataset import Dataset

Threshold = float | Literal["mean"]
"""The rating from which on a film is liked; "mean" is each person's own mean."""


@dataclass(frozen=True)
class Interactions:
    """One row per person, one column per film of the catalogue (ascending MovieLens id).

    Attributes:
        user_ids: (u,) int32, ascending.
        movie_ids: (n,) int64, ascending.
        ratings: (u, n) CSR float32, every rating.
        likes: (u, n) CSR float32 of ones, the ratings that are likes.
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


def is_like(ratings: pd.DataFrame, threshold: Threshold) -> NDArray[np.bool_]:
    """(m,) bool: the rows that are likes; all of them where all ratings are equal, since these tell no two films apart.

    A person whose ratings are all equal likes all of their films by the threshold "mean", too.
    """
    values = ratings["rating"].to_numpy(np.float32)
    if threshold != "mean":
        return np.asarray((values >= threshold) | (values.min(initial=np.inf) == values.max(initial=0)))
    _, people = np.unique(ratings["user_id"].to_numpy(), return_inverse=True)
    means = np.bincount(people, values) / np.maximum(np.bincount(people), 1)
    return np.asarray(values >= means[people] - 1e-6)


def threshold_text(threshold: Threshold) -> str:
    """Such as `4`, `3.5` or `mean`."""
    return threshold if threshold == "mean" else f"{threshold:g}"


def require_likes(interactions: Interactions, threshold: Threshold) -> None:
    """A DataError where nobody likes two films, which is what all models learn from; its fix is one that helps."""
    if (interactions.n_liked >= 2).any():
        return
    ratings = interactions.ratings
    own = [np.sort(ratings.data[start:end]) for start, end in zip(ratings.indptr, ratings.indptr[1:], strict=False)]
    second = [values[-2] for values in own if len(values) > 1]
    fix = "give ratings of people who like several films"
    if second:
        fix = (
            'set positive_rating = "mean", which likes what is at least the person\'s own mean, or a number '
            f"such as {np.median(second):g}, in a configuration: --config mine.toml"
        )
    like = "their own mean" if threshold == "mean" else threshold_text(threshold)
    highest = f", and the highest is {ratings.data.max():g}" if ratings.nnz else ""
    raise DataError(
        f"none of {len(own):,} people likes two films, so there is nothing to learn from "
        f"(a like is a rating of {like} or more{highest})",
        fix=fix,
    )


def build_interactions(dataset: Dataset, threshold: Threshold) -> Interactions:
    """Sparse matrices of a data set's ratings."""
    movie_ids = dataset.movies["movie_id"].to_numpy(np.int64)
    user_ids, rows = np.unique(dataset.ratings["user_id"].to_numpy(), return_inverse=True)
    columns = np.searchsorted(movie_ids, dataset.ratings["movie_id"].to_numpy())
    values = dataset.ratings["rating"].to_numpy(np.float32)
    ratings = sparse.csr_matrix((values, (rows, columns)), shape=(len(user_ids), len(movie_ids)))
    ratings.sort_indices()
    liked = is_like(dataset.ratings, threshold)
    likes = sparse.csr_matrix(
        (np.ones(int(liked.sum()), np.float32), (rows[liked], columns[liked])), shape=ratings.shape, dtype=np.float32
    )
    likes.sort_indices()
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
