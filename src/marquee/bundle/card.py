"""A model card per bundle: what it is, how it was judged, what it is for, and where it falls short.

M. Mitchell et al., "Model Cards for Model Reporting", FAT* 2019. Everything is read from the manifest, and what the
manifest doesn't say is said to be unknown. `marquee card`, `GET /v1/model` and the web page show the same card.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marquee.base_model import FrozenBaseModel
from marquee.bundle.card_words import INTENDED_USE, LABELS, WHAT, judged_in_words, limits, source_in_words, unknowns
from marquee.bundle.card_words import number as _number
from marquee.bundle.manifest import Manifest

SEEDS = ("1", "3", "5", "10")
BEYOND = (
    "coverage@10",
    "median_popularity@10",
    "head_share@10",
    "stratified_recall@20",
    "niche_ndcg@10",
    "ild@10",
    "genre_divergence@10",
)


class Estimate(FrozenBaseModel):
    """A mean over people."""

    mean: float
    ci95: tuple[float, float] | None
    """95 % bootstrap interval over people; null where it has none."""


class CardRow(FrozenBaseModel):
    """One model."""

    model: str
    label: str
    """What the model is, in words."""
    values: dict[str, Estimate]
    """By number of seeds in `accuracy`, by metric in `beyond_accuracy`; what wasn't measured is missing."""


class CardData(FrozenBaseModel):
    """What the models were trained on; null where the bundle doesn't say."""

    name: str
    source: str
    sha256: str
    """The first 12 hex digits; empty where unknown."""
    ratings: int | None
    people: int | None
    rated_films: int | None
    newest_film_year: int | None
    newest_rating_year: int | None


class CalibrationError(FrozenBaseModel):
    """How far `affinity_score` is from the truth, where this rung answers."""

    rung: str
    ece: float | None
    """Expected calibration error over ten bins; null where there were too few people to tell."""


class ModelCard(FrozenBaseModel):
    """What a bundle is, how it was judged, what it is for, and where it falls short."""

    version: str
    created: datetime
    marquee: str
    """Version of the code that made it."""
    what: str
    data: CardData
    films: int
    """In the catalogue."""
    people_judging: int | None
    """How many held-out people are behind the figures."""
    niche_people: int | None
    """How many of them are in the tail (`niche_ndcg@10`)."""
    protocol: str
    """As the manifest has it; only figures under the same protocol and of the same data may be compared."""
    how_judged: str
    """The protocol in words."""
    accuracy: list[CardRow]
    """NDCG@10 by number of seeds: the pipeline first, then what it is held against."""
    beyond_accuracy: list[CardRow]
    """At 5 seeds."""
    calibration: list[CalibrationError]
    intended_use: list[str]
    limits: list[str]
    """Limits and known bias, from the figures."""
    unknown: list[str]
    """What the bundle doesn't say."""


def model_card(manifest: Manifest) -> ModelCard:
    """The card of a bundle; a manifest without figures gets one that says what isn't known."""
    metrics, counts = manifest.metrics, manifest.data.counts
    return ModelCard(
        version=manifest.version,
        created=manifest.created,
        marquee=manifest.code_version.marquee,
        what=WHAT,
        data=CardData(
            name=manifest.data.name,
            source=source_in_words(manifest.data.source),
            sha256=manifest.data.sha256[:12],
            ratings=counts.get("ratings"),
            people=counts.get("people", counts.get("users")),
            rated_films=counts.get("rated_movies"),
            newest_film_year=counts.get("newest_film_year"),
            newest_rating_year=counts.get("newest_rating_year"),
        ),
        films=manifest.n_movies,
        people_judging=_count(metrics, "n_people"),
        niche_people=_count(metrics, "n_niche_people"),
        protocol=_text(metrics.get("protocol")),
        how_judged=judged_in_words(_text(metrics.get("protocol")), _count(metrics, "n_people")),
        accuracy=_accuracy(metrics),
        beyond_accuracy=_beyond(metrics),
        calibration=_calibration(metrics),
        intended_use=list(INTENDED_USE),
        limits=limits(manifest),
        unknown=unknowns(manifest),
    )


def _accuracy(metrics: Mapping[str, Any]) -> list[CardRow]:
    by_model: dict[str, dict[str, Estimate]] = {}
    for k in SEEDS:
        for model, value in _mapping(metrics, "ndcg@10", k).items():
            if (mean := _number(value)) is not None:
                own = by_model.setdefault(model, {})
                own[k] = Estimate(mean=mean, ci95=_interval(_mapping(metrics, "ci95", k).get(model)))
    return _rows(by_model)


def _beyond(metrics: Mapping[str, Any]) -> list[CardRow]:
    by_model: dict[str, dict[str, Estimate]] = {}
    for model, figures in _mapping(metrics, "beyond", "5").items():
        bounds = _mapping(metrics, "beyond_ci95", "5", model)
        for metric in BEYOND:
            if (mean := _number(figures.get(metric) if isinstance(figures, Mapping) else None)) is not None:
                by_model.setdefault(model, {})[metric] = Estimate(mean=mean, ci95=_interval(bounds.get(metric)))
    return _rows(by_model)


def _rows(by_model: Mapping[str, dict[str, Estimate]]) -> list[CardRow]:
    """In the order of LABELS; rows of a later Marquee come last, under their own names."""
    order = list(LABELS)
    ranked = sorted(by_model, key=lambda model: (order.index(model) if model in LABELS else len(order), model))
    return [CardRow(model=model, label=LABELS.get(model, model), values=by_model[model]) for model in ranked]


def _calibration(metrics: Mapping[str, Any]) -> list[CalibrationError]:
    found = _mapping(metrics, "calibration")
    rungs = [rung for rung in ("two_tower", "item_cf", "popularity") if isinstance(found.get(rung), Mapping)]
    return [CalibrationError(rung=rung, ece=_number(found[rung].get("ece"))) for rung in rungs]


def _mapping(metrics: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    value: Any = metrics
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _interval(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = _number(value[0]), _number(value[1])
    return None if low is None or high is None else (low, high)


def _count(metrics: Mapping[str, Any], name: str) -> int | None:
    value = _number(metrics.get(name))
    return None if value is None else int(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
