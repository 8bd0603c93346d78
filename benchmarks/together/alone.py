"""One person's request with and without an option."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.together.groups import gains
from benchmarks.together.models import Asked
from benchmarks.together.ways import N, answer, ids
from marquee.api.contracts import RecommendationRequest

SEEDS, DISLIKES, BAD = 6, 3, 2.0
# What is compared with what, and by which metrics.
ALONE = {
    "several_interests": ("plain", ("NDCG@10",)),
    "one_per_franchise": ("plain", ("NDCG@10", "films of a series shown before")),
    "disliked_movie_ids": ("plain, who dislike", ("NDCG@10", "films rated 2 or less")),
}


def alone(asked: Asked, seed: int) -> dict[str, dict[str, NDArray[np.float64]]]:
    """(p,) values by option and metric; each person shows SEEDS likes, and up to DISLIKES films rated BAD or less."""
    rng = np.random.default_rng(seed)
    pipeline = asked.pipeline
    found: dict[str, dict[str, list[float]]] = {name: {} for name in ("plain", "plain, who dislike", *ALONE)}

    def note(name: str, values: dict[str, float]) -> None:
        for metric, value in values.items():
            found[name].setdefault(metric, []).append(value)

    for person in asked.people.tolist():
        order = rng.permutation(asked.everybody.liked(person))
        shown, wanted = order[:SEEDS].tolist(), np.sort(order[SEEDS:]).astype(np.int64)
        ratings = asked.everybody.ratings[person]
        bad = rng.permutation(ratings.indices[ratings.data <= BAD])
        named = ids(pipeline, bad[:DISLIKES].tolist())
        rest = bad[DISLIKES:]

        def values(more: dict[str, Any], rest: NDArray[np.int32] = rest) -> dict[str, float]:
            request = RecommendationRequest.model_validate({"movie_ids": ids(pipeline, shown), "top_n": N, **more})  # noqa: B023
            rows = answer(pipeline, request)
            series = pipeline.films.franchises[rows]
            return {
                "NDCG@10": float(gains([wanted], rows)[0]),  # noqa: B023
                "films of a series shown before": float(len(rows) - len(np.unique(series))),
                "films rated 2 or less": float(np.isin(rows, rest).sum()),
            }

        plain = values({})
        note("plain", plain)
        note("several_interests", values({"several_interests": True}))
        note("one_per_franchise", values({"one_per_franchise": True}))
        if named and len(rest):
            note("plain, who dislike", plain)
            note("disliked_movie_ids", values({"disliked_movie_ids": named}))
    return {name: {metric: np.array(values) for metric, values in rows.items()} for name, rows in found.items()}
