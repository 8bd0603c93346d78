"""The rows of the tables: baselines, the classic design, the parts of the product, and the product.

To add a baseline, write its scores in `baselines` and add it to REGISTRY.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee.api.contracts import MAX_IDS, MAX_TOP_N, RecommendationRequest
from marquee.bundle.bundle import Bundle
from marquee.errors import DataError
from marquee.models.weights import NOVELTY
from marquee.pipeline import Pipeline
from marquee.retrieval.exact import top_k
from marquee.retrieval.port import Candidates, Where
from marquee_training.config import TrainingConfig, load_config
from marquee_training.evaluation import baselines
from marquee_training.evaluation.baselines import EDLAE_L2, EDLAE_P, Settings, Tuned, popularity_scores, weight_scores
from marquee_training.evaluation.cases import columns_of
from marquee_training.evaluation.protocols import Round, validation_ndcg
from marquee_training.evaluation.ranking import Lists, Recommend, Scorer, by_scores, item_cf_scores, tower_scores
from marquee_training.fit import Films, fit
from marquee_training.interactions import Interactions
from marquee_training.item_cf import centered, chosen_movies, edlae_weights, fit_svd, gram_matrix
from marquee_training.progress import EpochReport

CLASSIC_SVD_FACTORS = 128
USUAL_EDLAE = {"l2": 200.0, "dropout": 0.98}  # what the search chooses for five seeds on small data


def _sizes(config: TrainingConfig) -> dict[str, int]:
    return {"min_positives": config.item_cf_min_positives, "max_movies": config.item_cf_max_movies}


# How each row is fitted, in the order of the tables. "data": from the likes, (n, g) genres and the configuration, to a
# scorer or a grid of options. "product" and "classic": from that design's models, to a scorer or the whole pipeline.
REGISTRY: dict[str, tuple[str, Callable[..., Any]]] = {
    "popularity": ("data", lambda train, _, __: popularity_scores(train.popularity)),
    "item_knn": ("data", lambda train, _, config: baselines.item_knn(train, **_sizes(config))),
    "pure_svd": ("data", lambda train, _, config: baselines.pure_svd(train, seed=config.seed)),
    "svd_centered": ("classic", lambda contents: item_cf_scores(contents.item_cf)),
    "triplet": ("classic", lambda contents: tower_scores(contents.two_tower)),
    "ease": ("data", lambda train, _, config: baselines.linear(train, baselines.EASE_L2, (0.0,), **_sizes(config))),
    "edlae": (
        "data",
        lambda train, _, config: baselines.linear(train, EDLAE_L2, EDLAE_P, **_sizes(config)),
    ),
    "two_tower": ("product", lambda contents: tower_scores(contents.two_tower)),
    "pipeline": ("product", lambda contents: contents),
    "pipeline_classic": ("classic", lambda contents: contents),
    "pipeline_25": ("product", lambda contents: contents),
    "pipeline_novel": ("product", lambda contents: contents),
    "pipeline_75": ("product", lambda contents: contents),
    "pipeline_100": ("product", lambda contents: contents),
    "genre_popularity": ("data", lambda train, genres, _: baselines.genre_popularity(train.popularity, genres)),
    "chance": ("data", lambda *_: baselines.chance()),
}
DIAL = {"pipeline": 0.0, "pipeline_25": 0.25, "pipeline_novel": NOVELTY, "pipeline_75": 0.75, "pipeline_100": 1.0}
"""The product's rows and the `novelty` of their requests."""
PRODUCT = tuple(DIAL)
"""One model with several request settings: none is compared with the others."""
ON_DIAL = ("few-seeds", "tastes")
ONLY_IN = {
    **dict.fromkeys(PRODUCT[1:], ON_DIAL),
    "pipeline_novel": (*ON_DIAL, "cold-items"),
    **dict.fromkeys(("genre_popularity", "chance"), ("cold-items",)),
}
"""Rows that are not in every protocol."""
SHORT = ("popularity", "svd_centered", "edlae", "two_tower", "pipeline")
"""The rows of every training run."""


def names_of(protocol: str) -> tuple[str, ...]:
    """The rows of a protocol, in the order of its table."""
    return tuple(name for name in REGISTRY if protocol in ONLY_IN.get(name, (protocol,)))


@dataclass(frozen=True)
class Row:
    """A fitted model: a scorer, a whole pipeline, or the best options of a search by number of seeds.

    Attributes:
        fit_s: Seconds that fitting took, search included; rows that come out of one fit share its time.
        settings: Of the fit or of the request, where nothing was searched for.
    """

    name: str
    fit_s: float
    model: Scorer | Bundle | Mapping[int | None, Tuned]
    settings: Settings = field(default_factory=dict)

    def settings_at(self, k: int | None) -> Settings:
        """What the search chose for k seeds; else `settings`."""
        return self.model[k][1] if isinstance(self.model, Mapping) else self.settings

    def recommend(
        self, k: int | None = None, shelf: NDArray[np.bool_] | None = None, ties: int | None = None
    ) -> Recommend:
        """The row's recommender for k seeds (None = a share of the likes); `shelf` and `ties` as in `Question`."""
        if isinstance(self.model, Bundle):
            novelty = self.settings.get("novelty", 0.0)
            if shelf is None:
                return by_pipeline(Pipeline(self.model), novelty)
            rerank = self.model.rerank.model_copy(update={"n_item_cf_candidates": 0})  # retrieved candidates alone
            return by_pipeline(Pipeline(replace(self.model, rerank=rerank), Shelf(self.model, shelf)), novelty)
        score = self.model[k][2] if isinstance(self.model, Mapping) else self.model
        return by_scores(score, allowed=shelf, ties=ties)


def classic_config(config: TrainingConfig) -> TrainingConfig:
    """The classic design's own configuration, with the same definition of a like and the same random seed."""
    return load_config("classic").model_copy(update={"positive_rating": config.positive_rating, "seed": config.seed})


def short_rows(config: TrainingConfig, train: Interactions, contents: Bundle) -> dict[str, Recommend]:
    """The rows of every training run: cheap baselines, EDLAE with usual settings, and the product."""
    svd = fit_svd(centered(train.ratings), n_factors=CLASSIC_SVD_FACTORS, seed=config.seed, unit=True)
    chosen = chosen_movies(train, config.item_cf_min_positives, config.item_cf_max_movies)
    weights = edlae_weights(gram_matrix(train, chosen), **USUAL_EDLAE)
    return {
        "popularity": by_scores(popularity_scores(train.popularity)),
        "svd_centered": by_scores(item_cf_scores(svd)),
        "edlae": by_scores(weight_scores(chosen, weights)),
        "two_tower": by_scores(tower_scores(contents.two_tower)),
        "pipeline": by_pipeline(Pipeline(contents)),
    }


def full_rows(
    config: TrainingConfig, classic: TrainingConfig, films: Films, round_: Round, report: EpochReport
) -> list[list[Row]]:
    """For each of a round's questions, its rows in the order of `names_of`; grids are searched for each separately."""
    train, genres = round_.fitted_on, films.catalog.genres
    validations = [(question.validations, question.depth) for question in round_.questions]
    wanted = [names_of(question.protocol) for question in round_.questions]
    fits: dict[str, tuple[Bundle, float, Settings]] = {}
    result: list[list[Row]] = [[] for _ in round_.questions]
    for name, (source, build) in REGISTRY.items():
        if not any(name in names for names in wanted):
            continue
        if source == "data":
            started = time.perf_counter()
            found = build(train, genres, config)
            if callable(found):
                rows = [Row(name, 0.0, found)] * len(wanted)
            else:
                best = baselines.best_of(found, validations)
                rows = [Row(name, time.perf_counter() - started, tuned) for tuned in best]
        else:
            if source not in fits:
                fitted = _fit(config, films, round_, report) if source == "product" else None
                fits[source] = fitted or _fit_classic(classic, films, round_, report)
            contents, seconds, settings = fits[source]
            settings = {"novelty": DIAL[name]} if DIAL.get(name) else settings
            rows = [Row(name, seconds, build(contents), settings)] * len(wanted)
        for own, names, row in zip(result, wanted, rows, strict=True):
            if name in names:
                own.append(row)
    return result


def _fit(config: TrainingConfig, films: Films, round_: Round, report: EpochReport) -> tuple[Bundle, float, Settings]:
    started = time.perf_counter()
    validate = validation_ndcg(config, round_.visible, round_.validation)
    contents, _, _ = fit(config, round_.visible, films, people=round_.train, validate=validate, report=report)
    return contents, time.perf_counter() - started, {}


def _fit_classic(
    config: TrainingConfig, films: Films, round_: Round, report: EpochReport
) -> tuple[Bundle, float, Settings]:
    """The classic design; without any low rating its triplets get random negatives, and the settings say so."""
    try:
        return _fit(config, films, round_, report)
    except DataError:
        random = config.model_copy(update={"triplet_negatives": "random"})
        return *_fit(random, films, round_, report)[:2], {"hard_negatives": 0.0}


def by_pipeline(pipeline: Pipeline, novelty: float = 0.0) -> Recommend:
    """The product's answers, one request per list, since MMR picks other films for a list of 20 than for one of 10.

    A length above the API's limit (100) gives the candidates of stage one, in no meaningful order; more than 100
    seeds, which the API refuses, are accepted, so that every row of the 80/20 protocol sees the same.
    """
    movie_ids = pipeline.catalog.movie_ids

    def listed(seeds: NDArray[np.int32], length: int) -> NDArray[np.int64]:
        if length > MAX_TOP_N:
            return pipeline.score_candidates(seeds.tolist()).pool.rows[:length]
        given = movie_ids[seeds].tolist()
        make = RecommendationRequest if len(given) <= MAX_IDS else RecommendationRequest.model_construct
        answer = pipeline.recommend(make(movie_ids=given, top_n=length, novelty=novelty)).recommendations
        return np.searchsorted(movie_ids, [film.movie_id for film in answer])

    def recommend(seeds: sparse.csr_matrix, lengths: Sequence[int]) -> list[Lists]:
        lists = [np.full((seeds.shape[0], length), -1, dtype=np.int64) for length in lengths]
        for row in range(seeds.shape[0]):
            for part, length in zip(lists, lengths, strict=True):
                films = listed(columns_of(seeds, row), length)
                part[row, : len(films)] = films
        return lists

    return recommend


@dataclass(frozen=True)
class Shelf:
    """A `Retriever` restricted to some films, (n,) bool, such as the new ones."""

    bundle: Bundle
    films: NDArray[np.bool_]

    def candidates(self, seed_movie_ids: Sequence[int], k: int, where: Where) -> Candidates:
        """See `marquee.retrieval.port.Retriever.candidates`."""
        catalog = self.bundle.catalog
        seeds, _ = catalog.rows_of_movies(seed_movie_ids)
        rows, scores = top_k(self.bundle.two_tower.scores(seeds), k, self.films & where.mask(catalog))
        return Candidates(catalog.movie_ids[rows], scores, self.bundle.version)
