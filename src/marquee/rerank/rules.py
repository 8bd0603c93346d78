"""Rules of a request for its list: films to raise, bury or pin, and at most how many of a kind."""

from dataclasses import dataclass

import numpy as np

from marquee.api.contracts import RecommendationRequest
from marquee.bundle.bundle import Bundle
from marquee.errors import RequestError
from marquee.models import Array, Mask, Rows
from marquee.models.catalog import Catalog, ItemId
from marquee.models.columns import Column, Numbers
from marquee.rerank.mmr import Limit, greedy
from marquee.retrieval.exact import top_k
from marquee.retrieval.ladder import Pool, widen
from marquee.retrieval.port import column_of, meeting
from marquee.retrieval.taste import Taste


@dataclass(frozen=True)
class Rules:
    """Rules, by rows of the catalogue.

    Attributes:
        boost: (n,) float32, what is added to each film's score in the order; None if nothing is.
        pins: Places in the answer, from 1 and ascending, and the films there.
        not_pinned: Films that are to be pinned but may not be recommended.
        kinds: Columns of which each value may occur only so many times.
        unknown: Ids that no film has.
    """

    boost: Array | None = None
    pins: tuple[tuple[int, int], ...] = ()
    not_pinned: tuple[int, ...] = ()
    kinds: tuple[tuple[Column, int], ...] = ()
    unknown: tuple[ItemId, ...] = ()

    def widened(self, bundle: Bundle, taste: Taste, pool: Pool) -> Pool:
        """The pool, and behind it what retrieval could not know: pinned films, and the best by lift and boost."""
        if self.boost is None and not self.pins:
            return pool
        pinned = np.array([row for _, row in self.pins], dtype=np.int64)
        added = np.setdiff1d(pinned, pool.rows)
        if self.boost is not None:
            free = taste.allowed.copy()
            free[pool.rows] = free[pinned] = False
            best, _ = top_k(_fit(bundle, taste) + self.boost, bundle.rerank.n_candidates, free)
            added = np.concatenate([added, np.sort(best)])
        return widen(bundle, taste, pool, added)

    def limits(self, rows: Rows) -> list[Limit]:
        """The limits of `kinds` on candidates."""
        pairs = [(column.groups(rows), most) for column, most in self.kinds]
        return [Limit(positions, groups, most) for (positions, groups), most in pairs]

    def first(self, rows: Rows) -> Rows:
        """Positions of the pinned films among candidates that include them."""
        return np.array([np.flatnonzero(rows == row)[0] for _, row in self.pins], dtype=np.int64)

    def placed(self, order: Rows, rows: Rows) -> Rows:
        """Positions of candidates in the order of the answer, with the pinned films moved to their places."""
        if not self.pins:
            return order
        first = self.first(rows)
        placed = order[~np.isin(order, first)].tolist()
        for (place, _), at in zip(self.pins, first.tolist(), strict=True):
            placed.insert(place - 1, at)
        return np.array(placed, dtype=np.int64)

    def missing(self, bundle: Bundle, taste: Taste, shown: Rows, n: int) -> Rows:
        """Further rows that fill a list up to n films within the limits, the best by lift."""
        rows = np.flatnonzero(taste.allowed)
        fit = (_fit(bundle, taste) + (0 if self.boost is None else self.boost))[rows]
        picked = greedy(lambda _: fit, None, n=n, lam=1.0, limits=self.limits(rows), first=np.searchsorted(rows, shown))
        return rows[picked[len(shown) :]]


NO_RULES = Rules()


def make_rules(catalog: Catalog, request: RecommendationRequest, allowed: Mask, series: Rows | None) -> Rules:
    """The rules of a request; `allowed` and `series`, if there may be only one of each, are (n,).

    Raises:
        RequestError: A column is unknown or doesn't fit its condition, or a film is pinned twice.
    """
    unknown: list[ItemId] = []
    boost = None
    if request.boost:
        boost = np.zeros(len(catalog), dtype=np.float32)
        for one in request.boost:
            of: Mask | list[int]
            of, missing = catalog.rows_of(movie_ids=one.movie_ids, item_ids=one.item_ids)
            unknown += missing
            if one.columns:
                of = np.all([meeting(catalog, name, condition) for name, condition in one.columns.items()], axis=0)
            boost[of] += np.float32(one.by)
    pins: dict[int, int] = {}
    for pin in sorted(request.pin, key=lambda pin: pin.position):
        rows, missing = catalog.rows_named(pin)
        unknown += missing
        for row in rows:
            if row in pins:
                raise RequestError(f"{catalog.titles[row]} is pinned twice", fix="pin it once")
            pins[row] = pin.position
    kinds = [(column_of(catalog, name), most) for name, most in request.max_per.items()]
    if series is not None:
        kinds.append((Numbers(series.astype(np.float64)), 1))
    return Rules(
        boost,
        tuple((place, row) for row, place in pins.items() if allowed[row]),
        tuple(row for row in pins if not allowed[row]),
        tuple(kinds),
        tuple(unknown),
    )


def _fit(bundle: Bundle, taste: Taste) -> Array:
    return bundle.catalog.log_popularity if taste.lift is None else taste.lift_score
