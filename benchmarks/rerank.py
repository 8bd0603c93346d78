"""How long a recommendation takes in process: 27,000 films, 200 candidates, MMR for 10.

python benchmarks/rerank.py
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import time

import numpy as np

from marquee.api.contracts import RecommendationRequest
from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig
from marquee.pipeline import Pipeline, Trace
from marquee.rerank.mmr import Likeness, mmr

N, D, NEIGHBORS, REQUESTS = 27_000, 128, 300, 300


def contents() -> Bundle:
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(scale=D**-0.5, size=shape).astype(np.float32)

    ids = np.arange(1, N + 1, dtype=np.int64)
    catalog = Catalog(
        ids,
        ids,
        tuple(f"Film {i}" for i in ids),
        rng.integers(1930, 2020, N).astype(np.int16),
        tuple(f"Genre {g:02}" for g in range(19)),
        rng.random((N, 19)) < 0.15,
        rng.integers(0, 5000, N).astype(np.int32),
    )
    view = ItemCF(
        np.arange(0, N * NEIGHBORS + 1, NEIGHBORS, dtype=np.int64),
        np.sort(rng.integers(0, N, (N, NEIGHBORS)), axis=1).ravel().astype(np.int32),
        rng.random(N * NEIGHBORS).astype(np.float32),
    )
    tower = TwoTower(normal(N, D), normal(N, D), normal(N), normal(D, D), normal(D))
    return Bundle(catalog, tower, view, RerankConfig(), DataInfo(name="random"))


def main() -> None:
    pipeline = Pipeline(contents())
    rng = np.random.default_rng(1)
    traces, totals, mmr_ms = [], [], []
    for _ in range(REQUESTS):
        request = RecommendationRequest(movie_ids=[int(i) for i in rng.integers(1, N, 5)], top_n=10)
        trace = Trace()
        started = time.perf_counter()
        pipeline.recommend(request, trace=trace)
        totals.append((time.perf_counter() - started) * 1e3)
        traces.append(trace)
        pool = rng.choice(N, 200, replace=False)
        genres, vectors = pipeline.catalog.genres[pool].astype(np.float32), pipeline.bundle.two_tower.unit_vectors[pool]
        relevance = rng.normal(size=200).astype(np.float32)
        started = time.perf_counter()
        mmr(relevance, Likeness(genres, vectors, 0.6), n=10, lam=0.9)
        mmr_ms.append((time.perf_counter() - started) * 1e3)
    rows = {
        "retrieval, exact over 27,000 films": [trace.retrieval_ms for trace in traces],
        "MMR, 10 of 200": mmr_ms,
        "blend, MMR and response": [trace.rerank_ms for trace in traces],
        "whole request": totals,
    }
    print(f"{'':36}{'p50 ms':>8}{'p99 ms':>8}{'share':>8}")
    for name, values in rows.items():
        p50, p99 = np.percentile(values, [50, 99])
        print(f"{name:36}{p50:8.2f}{p99:8.2f}{p50 / np.median(totals):8.0%}")


if __name__ == "__main__":
    main()
