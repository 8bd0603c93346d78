"""The second collaborative view: item-item scores, additive over seeds.

A bundle can hold two sets of weights, for a few seeds and for long histories: what predicts best from 5 films is not
what predicts best from 100 (docs/quality.md). With few, what everybody likes has to fill in; with many, it only blurs.

Two layouts serve the same interface. `neighbors` keeps each film's strongest item-item weights (EASE, EDLAE:
H. Steck, "Embarrassingly Shallow Autoencoders" 2019 and "Autoencoders that don't overfit towards the Identity"
2020; the few-seed ridge of `marquee_training.item_cf`) as a sparse matrix; `factors` keeps unit vectors whose
cosine is the weight (the classic TruncatedSVD).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee.errors import BundleError
from marquee.models import Array, Rows

HISTORY = "history_"  # how the second set's arrays begin in the bundle's file


@dataclass(frozen=True)
class ItemCF:
    """Item-item weights, by row of the seed film.

    Attributes:
        indptr: (n + 1,) int64, where each seed film's neighbours start and end (CSR); None in the factor layout.
        indices: (m,) int32, the neighbours' rows, ascending within a seed film.
        values: (m,) float16 or float32, what the seed adds to each neighbour's score.
        factors: (n, d) float32, unit rows (zero for films without ratings); None in the neighbour layout.
        prior: (n,) float32, each film's score before any seed; None counts as 0. With a prior the seeds' weights are
            for their sum divided by the root of their number, so that the two keep their proportion.
        added: (n, m) float16, what each seed adds to the last m films, which are nobody's neighbours; None counts as 0.
        history: A second set of weights, for people who show many films (docs/adr/0011); None = there is none.
    """

    indptr: Rows | None = None
    indices: NDArray[np.int32] | None = None
    values: NDArray[Any] | None = None
    factors: Array | None = None
    prior: Array | None = None
    added: NDArray[np.float16] | None = None
    history: "ItemCF | None" = None

    def __len__(self) -> int:
        return len(self.factors) if self.factors is not None else len(self._csr()[0]) - 1

    def _csr(self) -> tuple[Rows, NDArray[np.int32], NDArray[Any]]:
        if self.indptr is None or self.indices is None or self.values is None:
            raise BundleError("the item-item view holds neither neighbours nor factors")
        return self.indptr, self.indices, self.values

    def scores(self, seed_rows: Sequence[int]) -> Array:
        """(n,) float32: the prior and the pull of the seeds."""
        pull = self.pull(seed_rows)
        return pull if self.prior is None else self.prior + pull

    def pull(self, seed_rows: Sequence[int]) -> Array:
        """(n,) float32: what the seeds add to every film's score; at least one seed."""
        scale = np.float32(1.0 if self.prior is None else len(seed_rows) ** -0.5)
        return np.asarray(scale * self._sum(seed_rows), dtype=np.float32)

    def _sum(self, seed_rows: Sequence[int]) -> Array:
        if self.factors is not None:
            return np.asarray(self.factors @ self.factors[sorted(seed_rows)].sum(axis=0), dtype=np.float32)
        indptr, indices, values = self._csr()
        total = np.zeros(len(indptr) - 1, dtype=np.float32)
        # Sorted, since the sum must not depend on the order of the seeds.
        spans = [slice(int(indptr[row]), int(indptr[row + 1])) for row in sorted(seed_rows)]
        added = np.concatenate([values[span] for span in spans], dtype=np.float32)
        np.add.at(total, np.concatenate([indices[span] for span in spans]), added)
        if self.added is not None:
            total[-self.added.shape[1] :] += self.added[sorted(seed_rows)].sum(axis=0, dtype=np.float32)
        return total

    def mixed(self, mixtures: Array) -> "Mixed":
        """What the view says of f mixtures of films, by their (n, f) shares; takes seconds for thousands of films."""
        history = None if self.history is None else self.history.mixed(mixtures)
        prior = None if self.prior is None else self.prior @ mixtures
        if self.factors is not None:
            return Mixed(factors=mixtures.T @ self.factors, prior=prior, history=history)
        indptr, indices, values = self._csr()
        n, f = mixtures.shape
        seeds, weights = np.repeat(np.arange(n), np.diff(indptr)), values.astype(np.float64)
        added, pull = np.empty((n, f), dtype=np.float32), np.empty((f, n), dtype=np.float32)
        for at, shares in enumerate(mixtures.T):
            added[:, at] = np.bincount(seeds, weights * shares[indices], minlength=n)
            pull[at] = np.bincount(indices, weights * shares[seeds], minlength=n)
        return Mixed(added, pull, prior=prior, history=history)

    def extended(self, mixed: "Mixed", features: Array) -> "ItemCF":
        """The view with m further films behind the n, each a sum of f mixtures, by (m, f) features.

        As a seed each keeps as many of its strongest weights as other films have at most.
        """
        m = len(features)
        history = None
        if self.history is not None and mixed.history is not None:
            history = self.history.extended(mixed.history, features)
        prior = None if self.prior is None else np.concatenate([self.prior, features @ mixed.prior]).astype(np.float32)
        if self.factors is not None:
            factors = np.concatenate([self.factors, features @ mixed.factors]).astype(np.float32)
            return ItemCF(factors=factors, prior=prior, history=history)
        indptr, indices, values = self._csr()
        most = int(np.diff(indptr).max(initial=0))
        pull = features @ mixed.pull
        near = np.sort(np.argpartition(-np.abs(pull), max(most - 1, 0), axis=1)[:, :most], axis=1)
        return ItemCF(
            np.concatenate([indptr, indptr[-1] + most * np.arange(1, m + 1)]),
            np.concatenate([indices, near.ravel().astype(np.int32)]),
            np.concatenate([values, np.take_along_axis(pull, near, axis=1).ravel().astype(values.dtype)]),
            prior=prior,
            added=np.concatenate([mixed.added @ features.T, np.zeros((m, m))]).astype(np.float16),
            history=history,
        )

    def contributions(self, seed_rows: Sequence[int], rows: Rows) -> Array:
        """(k, m) float32: each of k seeds' share of their pull on each of m films."""
        scale = np.float32(1.0 if self.prior is None else len(seed_rows) ** -0.5)
        return np.stack([scale * self._sum([seed])[rows] for seed in seed_rows])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by the names that the bundle's file uses."""
        if self.factors is not None:
            found: dict[str, NDArray[Any]] = {"factors": self.factors}
        else:
            found = dict(zip(("indptr", "indices", "values"), self._csr(), strict=True))
        if self.prior is not None:
            found |= {"prior": self.prior}
        if self.history is not None:
            found |= {f"{HISTORY}{name}": array for name, array in self.history.arrays().items()}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "ItemCF":
        """The inverse of `arrays`; a BundleError where one is missing, or indices point outside of the catalogue."""
        prior = arrays.get("prior")
        second = {name.removeprefix(HISTORY): array for name, array in arrays.items() if name.startswith(HISTORY)}
        history = cls.from_arrays(second) if second else None
        if "factors" in arrays:
            return cls(factors=arrays["factors"], prior=prior, history=history)
        try:
            view = cls(arrays["indptr"], arrays["indices"], arrays["values"], prior=prior, history=history)
        except KeyError as missing:
            raise BundleError(f"the item-item view lacks the array {missing}") from None
        indptr, indices, values = view._csr()
        sound = (
            indptr.ndim == indices.ndim == values.ndim == 1
            and len(indptr) > 0
            and indptr[0] == 0
            and indptr[-1] == len(indices) == len(values)
            and bool((np.diff(indptr) >= 0).all())
            and (len(indices) == 0 or (indices.min() >= 0 and indices.max() < len(indptr) - 1))
        )
        if not sound:
            raise BundleError("the item-item view's indptr, indices and values don't fit each other")
        return view


@dataclass(frozen=True)
class Mixed:
    """What an item-item view says of f mixtures of its n films.

    Attributes:
        added: (n, f) float32, what each film adds to them as a seed; None in the factor layout.
        pull: (f, n) float32, what they add to each film as seeds; None in the factor layout.
        factors: (f, d) float32, in the factor layout.
        prior: (f,) float32; None where the view has none.
        history: The same of the second set of weights.
    """

    added: Any = None
    pull: Any = None
    factors: Any = None
    prior: Any = None
    history: "Mixed | None" = None
