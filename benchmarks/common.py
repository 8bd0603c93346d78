"""What benchmarks share: the time of a call, tables, and random models."""

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig


def milliseconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e3


def lone(call: Callable[[], object], warm_up: int, n: int) -> tuple[float, float]:
    """Median and 99th percentile of `n` calls, one after the other, in ms."""
    for _ in range(warm_up):
        call()
    p50, p99 = np.percentile([milliseconds(call) for _ in range(n)], [50, 99])
    return float(p50), float(p99)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table, each row as it comes; floats get two decimals."""
    print("| " + " | ".join(heads) + " |\n| --- |" + " ---: |" * (len(heads) - 1))
    for row in rows:
        cells = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row)
        print("| " + " | ".join(cells) + " |", flush=True)


def random_bundle(n: int, *, dimensions: int, neighbors: int) -> Bundle:
    """Models of n films with ids from 1, and MovieLens' 19 genres."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> NDArray[np.float32]:
        return rng.normal(scale=dimensions**-0.5, size=shape).astype(np.float32)

    ids = np.arange(1, n + 1, dtype=np.int64)
    catalog = Catalog(
        ids,
        ids,
        tuple(f"Film {i}" for i in ids),
        rng.integers(1930, 2020, n).astype(np.int16),
        tuple(f"Genre {genre:02}" for genre in range(19)),
        rng.random((n, 19)) < 0.15,
        rng.integers(0, 5000, n).astype(np.int32),
    )
    view = ItemCF(
        np.arange(0, n * neighbors + 1, neighbors, dtype=np.int64),
        np.sort(rng.integers(0, n, (n, neighbors)), axis=1).ravel().astype(np.int32),
        rng.random(n * neighbors).astype(np.float32),
    )
    d = dimensions
    tower = TwoTower(normal(n, d), normal(n, d), normal(n), normal(d, d), normal(d))
    return Bundle(catalog, tower, view, RerankConfig(), DataInfo(name="random"))
