"""Whether the parts of a bundle are sound, and fit each other: asked before writing and after reading."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee.bundle.files import (
    CATALOG_ARRAYS,
    CATALOG_NAMES,
    ITEM_CF,
    TWO_TOWER,
)
from marquee.models.catalog import Catalog
from marquee.models.item_cf import HISTORY, ItemCF
from marquee.models.two_tower import TwoTower


def inconsistencies(catalog: Catalog, two_tower: TwoTower, item_cf: ItemCF) -> list[str]:
    """What is wrong with the parts of a bundle; each message begins with the file's name. Empty = all is well."""
    return [*_catalog(catalog), *_two_tower(two_tower, len(catalog)), *_item_cf(item_cf, len(catalog))]


def _catalog(catalog: Catalog) -> Iterator[str]:
    ids, n = catalog.movie_ids, len(catalog)
    if n == 0 or ids.ndim != 1:
        yield f"{CATALOG_ARRAYS}: movie_ids has shape {ids.shape}, expected at least one film"
        return
    if unsorted := np.flatnonzero(np.diff(ids) <= 0).tolist():
        row = unsorted[0]
        yield f"{CATALOG_ARRAYS}: movie_ids must ascend, but {ids[row + 1]} follows {ids[row]} in row {row + 1}"
    if ids[0] <= 0:
        yield f"{CATALOG_ARRAYS}: movie_ids must be positive, but holds {ids[0]}"
    wanted = {"tmdb_ids": (n,), "years": (n,), "popularity": (n,), "genres": (n, len(catalog.genre_names))}
    for name, shape in wanted.items():
        array = getattr(catalog, name)
        if array.shape != shape:
            yield f"{CATALOG_ARRAYS}: {name} has shape {array.shape}, expected {shape}"
        elif name != "genres" and array.min() < 0:
            yield f"{CATALOG_ARRAYS}: {name} must not be negative, but holds {array.min()}"
    if len(catalog.titles) != n:
        yield f"{CATALOG_NAMES}: {len(catalog.titles)} titles, expected {n}"
    if list(catalog.genre_names) != sorted(set(catalog.genre_names)):
        yield f"{CATALOG_NAMES}: genre_names must be sorted and without repetition"


def _two_tower(tower: TwoTower, n: int) -> Iterator[str]:
    if tower.item_vectors.ndim != 2:
        yield f"{TWO_TOWER}: item_vectors has shape {tower.item_vectors.shape}, expected two dimensions"
        return
    d = tower.item_vectors.shape[1]
    wanted = {"seed_vectors": (n, d), "item_vectors": (n, d), "item_bias": (n,), "hidden_weight": (d, d)}
    for name, array in tower.arrays().items():
        shape = wanted.get(name, (d,))
        if array.shape != shape:
            yield f"{TWO_TOWER}: {name} has shape {array.shape}, expected {shape}"
        elif not np.isfinite(array).all():
            yield f"{TWO_TOWER}: {name} holds {_count_unfinite(array)} values that are not finite numbers"
    if (tower.hidden_weight is None) != (tower.hidden_bias is None):
        yield f"{TWO_TOWER}: hidden_weight and hidden_bias come together or not at all"


def _item_cf(item_cf: ItemCF, n: int, prefix: str = "") -> Iterator[str]:
    of = f" of {prefix}" if prefix else ""
    if len(item_cf) != n:
        yield f"{ITEM_CF}: {len(item_cf)} rows{of}, expected {n}"
    if item_cf.factors is not None and item_cf.factors.ndim != 2:
        yield f"{ITEM_CF}: {prefix}factors has shape {item_cf.factors.shape}, expected two dimensions"
    if item_cf.prior is not None and item_cf.prior.shape != (n,):
        yield f"{ITEM_CF}: {prefix}prior has shape {item_cf.prior.shape}, expected {(n,)}"
    for name in ("values", "factors", "prior"):
        array = getattr(item_cf, name)
        if array is not None and not np.isfinite(array).all():
            yield f"{ITEM_CF}: {prefix}{name} holds {_count_unfinite(array)} values that are not finite numbers"
    if item_cf.history is not None:
        yield from _item_cf(item_cf.history, n, HISTORY)


def _count_unfinite(array: NDArray[Any]) -> int:
    return int(array.size - np.isfinite(array).sum())
