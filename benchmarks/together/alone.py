"""One person's request with and without an option."""

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.together.people import Asked, gains
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
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for person in asked.people.tolist():
        order = rng.permutation(asked.everybody.liked(person))
        shown, wanted = ids(pipeline, order[:SEEDS].tolist()), np.sort(order[SEEDS:]).astype(np.int64)
        ratings = asked.everybody.ratings[person]
        bad = rng.permutation(ratings.indices[ratings.data <= BAD])
        requests: dict[str, dict[str, Any]] = {
            "plain": {},
            "several_interests": {"several_interests": True},
            "one_per_franchise": {"one_per_franchise": True},
        }
        if len(bad) > DISLIKES:  # some remain to be found
            named = ids(pipeline, bad[:DISLIKES].tolist())
            requests |= {"plain, who dislike": {}, "disliked_movie_ids": {"disliked_movie_ids": named}}
        for name, options in requests.items():
            request = RecommendationRequest.model_validate({"movie_ids": shown, "top_n": N, **options})
            rows = answer(pipeline, request)
            found[name]["NDCG@10"].append(float(gains([wanted], rows)[0]))
            series = len(np.unique(pipeline.films.franchises[rows]))
            found[name]["films of a series shown before"].append(float(len(rows) - series))
            found[name]["films rated 2 or less"].append(float(np.isin(rows, bad[DISLIKES:]).sum()))
    return {name: {metric: np.array(values) for metric, values in rows.items()} for name, rows in found.items()}
