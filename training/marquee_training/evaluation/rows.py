"""The rows of the tables: baselines, the classic design, the parts of the product, and the product."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marquee.bundle.bundle import Bundle
from marquee.errors import DataError
from marquee.pipeline import Pipeline
from marquee_training.config import TrainingConfig, load_config
from marquee_training.evaluation.baselines import (
    EASE_L2,
    EDLAE_L2,
    EDLAE_P,
    ItemWeights,
    Option,
    Settings,
    genre_popularity,
    item_knn,
    linear,
    no_opinion,
    popularity_scores,
    pure_svd,
)
from marquee_training.evaluation.product import Shelf, by_pipeline, only_retrieved
from marquee_training.evaluation.ranking import Recommend, Scorer, by_scores, item_cf_scores, tower_scores
from marquee_training.evaluation.rounds import Question, Round
from marquee_training.evaluation.tuning import Tuned, best_of
from marquee_training.fit import Films, fit
from marquee_training.interactions import Interactions
from marquee_training.item_cf.edlae_svd import centered, edlae_weights, fit_svd, gram_matrix
from marquee_training.item_cf.neighbors import chosen_movies
from marquee_training.progress import EpochReport

CLASSIC_SVD_FACTORS = 128
USUAL_EDLAE = {"l2": 200.0, "dropout": 0.98}  # what the search chooses for five seeds on small data
SHORT = ("popularity", "svd_centered", "edlae", "two_tower", "pipeline")
ROWS = (
    "popularity",
    "item_knn",
    "pure_svd",
    "svd_centered",
    "triplet",
    "ease",
    "edlae",
    "two_tower",
    "pipeline",
    "pipeline_classic",
)
FEW_SEEDS_ROWS = (*ROWS, "pipeline_novel")
COLD_ROWS = (*ROWS, "genre_popularity", "chance")
PRODUCT = ("pipeline", "pipeline_novel")
"""One model, asked in two ways: neither is the other's rival."""
NOVELTY = 0.3
"""The dial of `pipeline_novel`: what the product is worth where it shows more of the catalogue."""


@dataclass(frozen=True)
class Row:
    """A model that can be asked.

    Attributes:
        name: One of FEW_SEEDS_ROWS or COLD_ROWS.
        fit_s: Seconds that fitting took, search included; rows that come out of one fit share its time.
        score: What it ranks by, or None for a whole pipeline or what is tuned by number of seeds.
        contents: The whole pipeline, or None.
        tuned: What the search found, by number of seeds; empty where nothing was searched for.
        settings: What else should be known of the fit.
        novelty: The dial of the whole pipeline's requests.
    """

    name: str
    fit_s: float = 0.0
    score: Scorer | None = None
    contents: Bundle | None = None
    tuned: Mapping[int | None, Tuned] = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    novelty: float = 0.0

    def settings_at(self, k: int | None) -> Settings:
        """What the search chose for k seeds, or what else should be known."""
        return self.tuned[k].settings if k in self.tuned else self.settings

    def recommend(
        self, k: int | None = None, shelf: NDArray[np.bool_] | None = None, ties: int | None = None
    ) -> Recommend:
        """How to ask it.

        Args:
            k: How many seeds will be shown; None = a share of the likes.
            shelf: (n,) bool, the only films that may be listed; None = all.
            ties: Seed of a random order of equal films, for rows that rank by a score; None = the lower id first.
        """
        if self.contents is not None:
            if shelf is None:
                return by_pipeline(Pipeline(self.contents), self.novelty)
            return by_pipeline(Pipeline(only_retrieved(self.contents), Shelf(self.contents, shelf)))
        score = self.tuned[k].score if k in self.tuned else self.score
        if score is None:
            raise ValueError(f"the row {self.name} has nothing to rank by with {k} seeds")
        return by_scores(score, allowed=shelf, ties=ties)


def classic_config(config: TrainingConfig) -> TrainingConfig:
    """The classic design with its own dials, fitted on what `config` calls a like, from the same random seed."""
    return load_config("classic").model_copy(update={"positive_rating": config.positive_rating, "seed": config.seed})


def short_rows(config: TrainingConfig, train: Interactions, contents: Bundle) -> dict[str, Recommend]:
    """What every training run judges: baselines that cost little, and the product.

    EDLAE has usual settings here, and all its weights; `full_rows` searches for it.
    """
    svd = fit_svd(centered(train.ratings), n_factors=CLASSIC_SVD_FACTORS, seed=config.seed, unit=True)
    chosen = chosen_movies(train, config.item_cf_min_positives, config.item_cf_max_movies)
    weights = edlae_weights(gram_matrix(train, chosen), **USUAL_EDLAE)
    return {
        "popularity": by_scores(popularity_scores(train.popularity)),
        "svd_centered": by_scores(item_cf_scores(svd)),
        "edlae": by_scores(ItemWeights(chosen, weights).score),
        "two_tower": by_scores(tower_scores(contents.two_tower)),
        "pipeline": Row("pipeline", contents=contents).recommend(),
    }


def full_rows(
    config: TrainingConfig, classic: TrainingConfig, films: Films, round_: Round, report: EpochReport
) -> list[list[Row]]:
    """All rows, fitted on a round's people; what needs a search is searched for each question by itself.

    Returns:
        For each of the round's questions, its rows in the order of `names_of`.
    """
    train = round_.visible.of(round_.train)
    size = {"min_positives": config.item_cf_min_positives, "max_movies": config.item_cf_max_movies}
    searched = {
        name: _searched(name, options, round_.questions)
        for name, options in {
            "item_knn": lambda: item_knn(train, **size),
            "pure_svd": lambda: pure_svd(train, seed=config.seed),
            "ease": lambda: linear(train, EASE_L2, (0.0,), **size),
            "edlae": lambda: linear(train, EDLAE_L2, EDLAE_P, **size),
        }.items()
    }
    ours, ours_s = _fitted(config, films, round_, report)
    theirs, theirs_s, negatives = _classic(classic, films, round_, report)
    fixed = [
        Row("popularity", score=popularity_scores(train.popularity)),
        Row("svd_centered", theirs_s, item_cf_scores(theirs.item_cf)),
        Row("triplet", theirs_s, tower_scores(theirs.two_tower), settings=negatives),
        Row("two_tower", ours_s, tower_scores(ours.two_tower)),
        Row("pipeline", ours_s, contents=ours),
        Row("pipeline_novel", ours_s, contents=ours, settings={"novelty": NOVELTY}, novelty=NOVELTY),
        Row("pipeline_classic", theirs_s, contents=theirs, settings=negatives),
        Row("genre_popularity", score=genre_popularity(train.popularity, films.catalog.genres)),
        Row("chance", score=no_opinion()),
    ]
    result = []
    for place, question in enumerate(round_.questions):
        by_name = {row.name: row for row in (*fixed, *(rows[place] for rows in searched.values()))}
        result.append([by_name[name] for name in names_of(question.protocol)])
    return result


def names_of(protocol: str) -> tuple[str, ...]:
    """The rows of a protocol, in their order."""
    return {"few-seeds": FEW_SEEDS_ROWS, "cold-items": COLD_ROWS}.get(protocol, ROWS)


def _classic(
    config: TrainingConfig, films: Films, round_: Round, report: EpochReport
) -> tuple[Bundle, float, Settings]:
    """The classic design; where nobody rated anything low, with random negatives, and the settings say so."""
    try:
        return *_fitted(config, films, round_, report), {}
    except DataError:
        random = config.model_copy(update={"triplet_negatives": "random"})
        return *_fitted(random, films, round_, report), {"hard_negatives": 0.0}


def _searched(name: str, options: Callable[[], Iterable[Option]], questions: Sequence[Question]) -> list[Row]:
    started = time.perf_counter()
    best = best_of(options(), [(question.validations, question.depth) for question in questions])
    seconds = time.perf_counter() - started
    return [Row(name, seconds, tuned=tuned) for tuned in best]


def _fitted(config: TrainingConfig, films: Films, round_: Round, report: EpochReport) -> tuple[Bundle, float]:
    started = time.perf_counter()
    fitted = fit(config, round_.visible, films, people=round_.train, validation=round_.validation, report=report)
    return fitted.contents, time.perf_counter() - started
