"""The lists that settings give: the pipeline's very lists, with what settings have in common computed once.

Candidates don't depend on any dial, and the blend not on MMR's or the request's. Only picking is done anew for each
setting; a longer list begins with the shorter one's picks, since MMR is greedy, so both come out of one run.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from marquee.bundle.bundle import Bundle
from marquee.pipeline import Pipeline
from marquee.rerank.ranker import pick
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Candidates, Retriever, Where
from marquee_training.evaluation.ranking import Lists
from marquee_training.sweep.grid import Dials


class Remembered:
    """A `Retriever` that asks another one once per set of seeds. Only for requests without filters.

    Args:
        retriever: Whom to ask.
    """

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._known: dict[tuple[int, ...], Candidates] = {}

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.port.Retriever.candidates`."""
        key = (k, *seed_movie_ids)
        if key not in self._known:
            self._known[key] = self._retriever.candidates(seed_movie_ids, k, where)
        return self._known[key]


class ListMaker:
    """Lists of one fold's models.

    Args:
        contents: The models; their item-item view and weights don't matter.
    """

    def __init__(self, contents: Bundle) -> None:
        self._retriever = Remembered(ExactSearch(contents))

    def lists(
        self, contents: Bundle, settings: Sequence[Dials], seeds: sparse.csr_matrix, lengths: Sequence[int]
    ) -> list[list[Lists]]:
        """Lists for many requests.

        Args:
            contents: The same models, with the view and weights of the settings.
            settings: With one `blend_key`.
            seeds: (b, n) CSR, the requests.
            lengths: Of the lists that each request gets.

        Returns:
            For each setting and each length, (b, length).
        """
        pipeline = Pipeline(contents, self._retriever)
        weighted = [
            replace(contents, rerank=contents.rerank.model_copy(update={"weights": dials.weights}))
            for dials in settings
        ]
        found = [[np.full((seeds.shape[0], length), -1, dtype=np.int64) for length in lengths] for _ in settings]
        for request in range(seeds.shape[0]):
            shown = seeds.indices[seeds.indptr[request] : seeds.indptr[request + 1]]
            rows, scores = pipeline.score_candidates(shown.tolist(), "two_tower")
            for bundle, dials, parts in zip(weighted, settings, found, strict=True):
                picked = pick(bundle, rows, scores, n=max(lengths), diversity=dials.diversity, novelty=dials.novelty)
                for part, length in zip(parts, lengths, strict=True):
                    own = picked[:length]
                    part[request, : len(own)] = rows[own[np.lexsort((rows[own], -scores[own]))]]
        return found
