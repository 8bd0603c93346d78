"""The Two-Tower at serving time, in numpy: seeds -> user vector -> a score for every film.

Training (`marquee_training.two_tower`) makes these arrays with torch; here no torch is needed, since a user vector is
one sum, one matrix product and one tanh, and the item tower's outputs are precomputed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from marquee.errors import BundleError
from marquee.models import Array

Pooling = Literal["sqrt_sum", "mean"]
_ARRAYS = ("seed_vectors", "item_vectors", "item_bias")
_HIDDEN = ("hidden_weight", "hidden_bias")


@dataclass(frozen=True)
class TwoTower:
    """A set encoder over seeds (user tower) and one vector per film (item tower).

    Attributes:
        seed_vectors: (n, d) float32, what a film adds to the user tower when it is a seed.
        item_vectors: (n, d) float32, the item tower's output.
        item_bias: (n,) float32, how much a film is liked whoever asks; zeros where the model has none.
        hidden_weight: (d, d) float32, or None for a tower without a hidden layer (the classic mean of vectors).
        hidden_bias: (d,) float32, or None likewise.
        pooling: "sqrt_sum" divides the sum of seeds by sqrt(k), which keeps k visible; "mean" divides by k.
    """

    seed_vectors: Array
    item_vectors: Array
    item_bias: Array
    hidden_weight: Array | None = None
    hidden_bias: Array | None = None
    pooling: Pooling = "sqrt_sum"

    @cached_property
    def unit_vectors(self) -> Array:
        """(n, d) float32, the item vectors scaled to length 1."""
        return np.asarray(self.item_vectors / (np.linalg.norm(self.item_vectors, axis=1, keepdims=True) + 1e-9))

    @cached_property
    def _columns(self) -> Array:
        # BLAS reads the columns of all films one after the other, half again as fast as a film after the other.
        return np.ascontiguousarray(self.item_vectors.T)

    def products(self, user: Array) -> Array:
        """(n,) float32 inner products of a (d,) user vector and every film's vector."""
        return np.asarray(user @ self._columns, dtype=np.float32)

    def encode_sums(self, sums: Array, sizes: Array) -> Array:
        """(b, d) float32 user vectors of (b, d) sums of seed vectors and the sets' (b,) sizes; 0 is the empty set."""
        count = np.maximum(sizes, 1.0)[:, None]
        pooled = sums / (np.sqrt(count) if self.pooling == "sqrt_sum" else count)
        if self.hidden_weight is None or self.hidden_bias is None:
            return np.asarray(pooled, dtype=np.float32)
        return np.asarray(np.tanh(pooled @ self.hidden_weight.T + self.hidden_bias), dtype=np.float32)

    def encode(self, seed_rows: Sequence[int]) -> Array:
        """(d,) float32 user vector of a set of seeds, given by their rows in the catalogue."""
        # Sorted, so that the sum's rounding does not depend on the order in which seeds were typed.
        total = self.seed_vectors[sorted(seed_rows)].sum(axis=0, dtype=np.float32)[None, :]
        users = self.encode_sums(total, np.array([len(seed_rows)], dtype=np.float32))
        return np.asarray(users[0], dtype=np.float32)

    def scores(self, seed_rows: Sequence[int]) -> Array:
        """(n,) float32 score of every film for a set of seeds."""
        return np.asarray(self.item_vectors @ self.encode(seed_rows) + self.item_bias, dtype=np.float32)

    def extended(self, mixtures: Array, features: Array) -> "TwoTower":
        """The tower with m further films behind the n: (m, f) sums of f mixtures of them, by their (n, f) shares."""
        more: dict[str, Any] = {}
        for name in _ARRAYS:
            own = getattr(self, name)
            more[name] = np.concatenate([own, (features @ (mixtures.T @ own)).astype(np.float32)])
        return replace(self, **more)

    def arrays(self) -> dict[str, Array]:
        """The arrays by the names that the bundle's file uses."""
        named = {name: getattr(self, name) for name in (*_ARRAYS, *_HIDDEN)}
        return {name: array for name, array in named.items() if array is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], pooling: Pooling) -> "TwoTower":
        """The inverse of `arrays`; a BundleError where one is missing. `marquee.bundle.files` checks shapes."""
        if missing := [name for name in _ARRAYS if name not in arrays]:
            raise BundleError(f"the Two-Tower lacks the array {missing[0]!r}")
        return cls(**{name: arrays[name] for name in (*_ARRAYS, *_HIDDEN) if name in arrays}, pooling=pooling)
