"""How long a recommendation takes in process: 27,000 films, 200 candidates, MMR for 10.

python benchmarks/rerank.py
"""

import os
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.common import milliseconds, random_bundle, table
from marquee.api.contracts import RecommendationRequest
from marquee.pipeline import Pipeline, Trace
from marquee.rerank.ranker import pick

N, REQUESTS = 27_000, 300


def main() -> None:
    pipeline = Pipeline(random_bundle(N, dimensions=128, neighbors=300))
    rng = np.random.default_rng(1)
    traces, whole, greedy = [], [], []
    for _ in range(REQUESTS):
        request = RecommendationRequest(movie_ids=[int(i) for i in rng.integers(1, N, 5)], top_n=10)
        trace = Trace()
        whole.append(milliseconds(partial(pipeline.recommend, request, trace=trace)))
        traces.append(trace)
        pool = rng.choice(N, 200, replace=False)
        relevance = rng.normal(size=200).astype(np.float32)
        greedy.append(milliseconds(partial(pick, pipeline.bundle, pool, relevance, n=10)))
    parts = {
        "retrieval, exact over 27,000 films": [trace.retrieval_ms for trace in traces],
        "MMR, 10 of 200": greedy,
        "blend, MMR and response": [trace.rerank_ms for trace in traces],
        "whole request": whole,
    }
    shares = {name: f"{np.median(values) / np.median(whole):.0%}" for name, values in parts.items()}
    rows = ((name, *np.percentile(values, [50, 99]), shares[name]) for name, values in parts.items())
    table(("", "p50 ms", "p99 ms", "share"), rows)


if __name__ == "__main__":
    main()
