"""Fixtures for all tests."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig

ContentsFactory = Callable[..., Bundle]


@pytest.fixture(scope="session")
def make_contents() -> ContentsFactory:
    """`make_contents(n_movies=50, seed=0, dimensions=8, ndcg=0.5, factors=False, hidden=True, history=False)`."""
    return _make_contents


def _make_contents(
    n_movies: int = 50,
    seed: int = 0,
    *,
    dimensions: int = 8,
    ndcg: float | None = 0.5,
    factors: bool = False,
    hidden: bool = True,
    history: bool = False,
) -> Bundle:
    """Small random contents; the same arguments give the same contents.

    Args:
        n_movies: Films; MovieLens ids are 1, 4, 7, ... and TMDB ids 1001, 1004, ...
        seed: Seed of every random number.
        dimensions: Of the Two-Tower.
        ndcg: The pipeline's NDCG@10 at 5 seeds, above popularity's 0.2; None leaves the metrics out.
        factors: Whether the item-item view has factors instead of neighbours.
        hidden: Whether the user tower has its hidden layer.
        history: Whether the bundle has all that training makes now: a prior, a view for long histories, and
            candidates by the item-item views.
    """
    rng = np.random.default_rng(seed)
    n, d = n_movies, dimensions

    def normal(*shape: int) -> Any:
        return rng.normal(scale=d**-0.5, size=shape).astype(np.float32)

    movie_ids = np.arange(1, 3 * n + 1, 3, dtype=np.int64)
    genre_names = ("Action", "Comedy", "Drama", "Horror")
    catalog = Catalog(
        movie_ids=movie_ids,
        tmdb_ids=movie_ids + 1000,
        titles=tuple(f"Film {movie}" for movie in movie_ids),
        years=rng.integers(1950, 2020, n).astype(np.int16),
        genre_names=genre_names,
        genres=rng.random((n, len(genre_names))) < 0.4,
        popularity=rng.integers(0, 500, n).astype(np.int32),
    )
    tower = TwoTower(
        seed_vectors=normal(n, d),
        item_vectors=normal(n, d),
        item_bias=normal(n),
        hidden_weight=normal(d, d) if hidden else None,
        hidden_bias=normal(d) if hidden else None,
    )
    scores = {"pipeline": ndcg, "two_tower": ndcg, "popularity": 0.2, "svd_centered": 0.25, "edlae": 0.3}
    beyond = {
        "pipeline": {"coverage@10": 0.3, "stratified_recall@20": 0.2},
        "popularity": {"coverage@10": 0.1, "stratified_recall@20": 0.1},
    }
    view = _factors(rng, n, d) if factors else _neighbors(rng, n)
    if history:
        view = replace(view, prior=rng.random(n).astype(np.float32), history=_neighbors(rng, n))
    return Bundle(
        catalog=catalog,
        two_tower=tower,
        item_cf=view,
        rerank=RerankConfig(n_candidates=20, n_item_cf_candidates=10 if history else 0),
        data=DataInfo(name="random", source=f"seed={seed}", sha256="d" * 64, counts={"ratings": 10 * n}),
        metrics={} if ndcg is None else {"protocol": "test-v1", "ndcg@10": {"5": scores}, "beyond": {"5": beyond}},
        config={"seed": seed, "dimensions": d},
        eval_files={"report.json": b'{"seed": %d}\n' % seed},
    )


def _factors(rng: np.random.Generator, n: int, d: int) -> ItemCF:
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    return ItemCF(factors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _neighbors(rng: np.random.Generator, n: int) -> ItemCF:
    per_film = min(5, n)
    indices = np.stack([np.sort(rng.choice(n, per_film, replace=False)) for _ in range(n)])
    return ItemCF(
        indptr=np.arange(0, n * per_film + 1, per_film, dtype=np.int64),
        indices=indices.ravel().astype(np.int32),
        values=rng.random(n * per_film).astype(np.float16),
    )
