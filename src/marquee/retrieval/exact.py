"""Exact search over a bundle's vectors: one request in process, or a server's batch, with the same bytes as result.

How a matrix product rounds depends on its shape, its threads and the processor. So the product over the whole
catalogue only makes a shortlist, a little longer than k; what is on it is scored again, film by film, in one fixed
order of additions. Requests are therefore answered alike alone and in a batch, in numpy and in torch.
"""

from collections.abc import Callable, Sequence

import numpy as np

from marquee.bundle.bundle import Bundle
from marquee.errors import RequestError
from marquee.models import Array, Mask, Rows
from marquee.models.two_tower import TwoTower
from marquee.retrieval.port import Candidates, Query, Where

# (b, d) user vectors, (b, n) allowed films, how many of each, and how far below the last of them still counts
# -> rows per user.
Shortlist = Callable[[Array, Mask, Sequence[int], Sequence[float]], list[Rows]]

# A float32 inner product of d terms is off by at most d * 2^-24 of the vectors' lengths (Higham, Accuracy and
# Stability, 3.1). Two ways of computing it differ by twice that; a film and the k-th one can each be off.
_UNIT = 2.0**-22
_BLOCK = 32  # films, of whose maxima a bound of the k-th best score is taken


class ExactSearch:
    """A `Retriever` over one bundle: immutable and thread-safe; `shortlist` is numpy's by default."""

    def __init__(self, bundle: Bundle, shortlist: Shortlist | None = None) -> None:
        self._catalog = bundle.catalog
        self._tower = tower = bundle.two_tower
        self._shortlist = shortlist or numpy_shortlist(tower)
        self._longest = float(np.sqrt((tower.item_vectors**2).sum(axis=1).max(initial=0.0)))
        self._largest_bias = float(np.abs(tower.item_bias).max(initial=0.0))
        self.version = bundle.version

    def best(self, user: Array, products: Array, k: int, allowed: Mask) -> tuple[Rows, Array]:
        """Rows of the k best allowed films for a (d,) user vector, best first, and their scores.

        `products` are the vector's (n,) inner products with every film's, computed in whatever way.
        """
        rows = _at_least(products + self._tower.item_bias, allowed, k, self._margin(user))
        return self._ranked(user, rows, k)

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.port.Retriever.candidates`; a RequestError if the query can't be answered."""
        (answer,) = self.batch([Query(tuple(seed_movie_ids), k, where)])
        if isinstance(answer, RequestError):
            raise answer
        return answer

    def batch(self, queries: Sequence[Query]) -> list[Candidates | RequestError]:
        """Answer many queries with one matrix product; one that can't be answered gets its error, alone."""
        prepared = [self._prepare(query) for query in queries]
        found = self._search([entry for entry in prepared if not isinstance(entry, RequestError)])
        answers = (Candidates(self._catalog.movie_ids[rows], scores, self.version) for rows, scores in found)
        return [entry if isinstance(entry, RequestError) else next(answers) for entry in prepared]

    def sample(self) -> Query:
        """A query that this catalogue can answer, for warm-ups and health checks."""
        return Query(tuple(int(movie) for movie in self._catalog.movie_ids[:3]), 10)

    def _prepare(self, query: Query) -> tuple[Array, Mask, int] | RequestError:
        seeds, unknown = self._catalog.rows_of_movies(query.seed_movie_ids)
        if not seeds:
            return RequestError(
                f"no {self._catalog.noun[0]} has any of the ids {', '.join(map(str, unknown[:5]))}",
                fix="give ids of the catalogue as movie_ids",
            )
        try:
            return self._tower.encode(seeds), query.where.mask(self._catalog), query.k
        except RequestError as error:
            return error

    def _search(self, prepared: Sequence[tuple[Array, Mask, int]]) -> list[tuple[Rows, Array]]:
        if not prepared:
            return []
        users, masks, ks = zip(*prepared, strict=True)
        margins = [self._margin(user) for user in users]
        shortlists = self._shortlist(np.stack(users), np.stack(masks), ks, margins)
        return [self._ranked(user, rows, k) for user, rows, k in zip(users, shortlists, ks, strict=True)]

    def _margin(self, user: Array) -> float:
        """How far below the k-th best product a film of the k best can be, by rounding."""
        d = len(user)
        return _UNIT * ((d + 2) * self._longest * float(np.linalg.norm(user)) + self._largest_bias)

    def _ranked(self, user: Array, shortlist: Rows, k: int) -> tuple[Rows, Array]:
        scores = exact_scores(self._tower, user, shortlist)
        order = np.lexsort((shortlist, -scores))[:k]
        return shortlist[order], scores[order]


def exact_scores(tower: TwoTower, user: Array, rows: Rows) -> Array:
    """(m,) float32 scores of some films for a (d,) user vector, each by itself in one order of additions."""
    return np.asarray((tower.item_vectors[rows] * user).sum(axis=1) + tower.item_bias[rows], dtype=np.float32)


def numpy_shortlist(tower: TwoTower) -> Shortlist:
    """The product over the catalogue in numpy."""

    def shortlist(users: Array, allowed: Mask, ks: Sequence[int], margins: Sequence[float]) -> list[Rows]:
        scores = users @ tower.item_vectors.T + tower.item_bias
        return [
            _at_least(row_scores, row_allowed, k, margin)
            for row_scores, row_allowed, k, margin in zip(scores, allowed, ks, margins, strict=True)
        ]

    return shortlist


def _at_least(scores: Array, allowed: Mask, k: int, margin: float) -> Rows:
    """Rows of the allowed films whose score is at most `margin` below the k-th best allowed one."""
    values = scores.copy()
    values[np.flatnonzero(~allowed)] = -np.inf
    # The k-th best of the blocks' maxima is at most the k-th best of all, so a few hundred films are left to partition.
    # A block is every m-th film, which numpy compares many at a time.
    blocks = values[: len(values) // _BLOCK * _BLOCK].reshape(_BLOCK, -1).max(axis=0)
    below = np.float32(margin)
    rows = np.flatnonzero(values >= _kth_best(blocks, k) - below)
    found = values[rows]
    return rows[(found >= _kth_best(found, k) - below) & (found > -np.inf)]


def _kth_best(values: Array, k: int) -> np.float32:
    """The k-th best value; minus infinity where there are fewer."""
    at = len(values) - k
    return np.float32(np.partition(values, at)[at] if at >= 0 else -np.inf)


def top_k(scores: Array, k: int, allowed: Mask) -> tuple[Rows, Array]:
    """Rows of the k best allowed scores, best first, ties by row; and those scores."""
    rows = _at_least(scores, allowed, k, 0.0)
    order = np.argsort(-scores[rows], kind="stable")[:k]
    return rows[order], scores[rows[order]]
