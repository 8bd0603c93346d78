"""The lists that settings give: the pipeline's very lists, with what settings have in common computed once.

Candidates don't depend on any dial, and the blend not on MMR's or the request's. Only picking is done anew for each
setting; a longer list begins with the shorter one's picks, since MMR is greedy, so both come out of one run.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee.bundle.bundle import Contents
from marquee.exact_search import ExactSearch
from marquee.mmr import Likeness, mmr
from marquee.opinion import standardised
from marquee.pipeline import Pipeline
from marquee.retrieval import Candidates, Retriever, Where
from training.evaluation.ranking import Lists
from training.sweep.dials import Dials


class Remembered:
    """A `Retriever` that asks another one once per set of seeds. Only for requests without filters.

    Args:
        retriever: Whom to ask.
    """

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._known: dict[tuple[int, ...], Candidates] = {}

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.Retriever.candidates`."""
        key = (k, *seed_movie_ids)
        if key not in self._known:
            self._known[key] = self._retriever.candidates(seed_movie_ids, k, where)
        return self._known[key]


class ListMaker:
    """Lists of one fold's models.

    Args:
        contents: The models; their item-item view and weights don't matter.
    """

    def __init__(self, contents: Contents) -> None:
        self._retriever = Remembered(ExactSearch(contents))
        self._genres = contents.catalog.genres.astype(np.float32)
        vectors = contents.two_tower.item_vectors
        self._unit_vectors = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)

    def lists(
        self, contents: Contents, settings: Sequence[Dials], seeds: sparse.csr_matrix, lengths: Sequence[int]
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
        found = [[np.full((seeds.shape[0], length), -1, dtype=np.int64) for length in lengths] for _ in settings]
        for request in range(seeds.shape[0]):
            shown = seeds.indices[seeds.indptr[request] : seeds.indptr[request + 1]]
            rows, scores = pipeline.score_candidates(shown.tolist(), "two_tower")
            popularity = contents.catalog.log_popularity[rows]
            genres, vectors = self._genres[rows], self._unit_vectors[rows]
            for dials, parts in zip(settings, found, strict=True):
                picked = _picked(dials, scores, popularity, genres, vectors, max(lengths))
                for part, length in zip(parts, lengths, strict=True):
                    own = picked[:length]
                    part[request, : len(own)] = rows[own[np.lexsort((rows[own], -scores[own]))]]
        return found


def _picked(
    dials: Dials,
    scores: NDArray[np.float32],
    popularity: NDArray[np.float32],
    genres: NDArray[np.float32],
    vectors: NDArray[np.float32],
    n: int,
) -> NDArray[np.int64]:
    """Positions in the order of picking, as the pipeline picks."""
    weights = dials.weights
    hits, _ = standardised(popularity, dials.novelty * weights.novelty_scale)
    return mmr(
        scores - hits,
        Likeness(genres, vectors, weights.genre_weight),
        n=n,
        lam=weights.lambda_mmr if dials.diversity is None else 1.0 - dials.diversity,
    )
