"""The product as a row of the table: asked as a caller asks it, with its default dials."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee.api.contracts import MAX_IDS, MAX_TOP_N, RecommendationRequest
from marquee.bundle.bundle import Bundle
from marquee.pipeline import Pipeline
from marquee.retrieval.exact import top_k
from marquee.retrieval.port import Candidates, Where
from marquee_training.evaluation.ranking import Lists, Recommend


def by_pipeline(pipeline: Pipeline, novelty: float = 0.0) -> Recommend:
    """One request per list, since MMR picks other films for a list of 20 than for one of 10.

    A length above the API's limit (100) asks for the candidates of stage one, in no order that means anything; more
    than 100 seeds, which the API refuses, are let through, so that every row of the 80/20 protocol sees the same.
    """
    movie_ids = pipeline.catalog.movie_ids

    def listed(seeds: NDArray[np.int32], length: int) -> NDArray[np.int64]:
        if length > MAX_TOP_N:
            return pipeline.score_candidates(seeds.tolist(), "two_tower")[0][:length]
        given = movie_ids[seeds].tolist()
        ask = RecommendationRequest if len(given) <= MAX_IDS else RecommendationRequest.model_construct
        answer = pipeline.recommend(ask(movie_ids=given, top_n=length, novelty=novelty)).recommendations
        return np.searchsorted(movie_ids, [film.movie_id for film in answer])

    def recommend(seeds: sparse.csr_matrix, lengths: Sequence[int]) -> list[Lists]:
        lists = [np.full((seeds.shape[0], length), -1, dtype=np.int64) for length in lengths]
        for row in range(seeds.shape[0]):
            shown = seeds.indices[seeds.indptr[row] : seeds.indptr[row + 1]]
            for part, length in zip(lists, lengths, strict=True):
                films = listed(shown, length)
                part[row, : len(films)] = films
        return lists

    return recommend


def only_retrieved(contents: Bundle) -> Bundle:
    """The same, but the re-ranker adds no candidates of its own to those that retrieval finds."""
    return replace(contents, rerank=contents.rerank.model_copy(update={"n_item_cf_candidates": 0}))


class Shelf:
    """A `Retriever` that finds candidates on one shelf alone, such as the new films.

    Args:
        contents: The models.
        films: (n,) bool, what stands on the shelf.
    """

    def __init__(self, contents: Bundle, films: NDArray[np.bool_]) -> None:
        self._contents = contents
        self._films = films

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.port.Retriever.candidates`."""
        catalog = self._contents.catalog
        seeds, _ = catalog.rows_of_movies(seed_movie_ids)
        rows, scores = top_k(self._contents.two_tower.scores(seeds), k, self._films & where.mask(catalog))
        return Candidates(catalog.movie_ids[rows], scores, self._contents.version)
