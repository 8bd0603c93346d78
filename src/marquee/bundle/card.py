"""Model cards: what a bundle is, how it was evaluated, what it is for, and its limits.

M. Mitchell et al., "Model Cards for Model Reporting", FAT* 2019. All figures come from the manifest; what it does not
record is listed as unknown. `marquee card`, `GET /v1/model` and the web page show the same card. The texts are in
card.toml, the layout of the Markdown document in card.md.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from string import Template
from typing import Any

from marquee.base_model import FrozenBaseModel
from marquee.bundle.manifest import Manifest
from marquee.models.catalog import FILMS

SEEDS = ("1", "3", "5", "10")
SMALL_PANEL = 1000
"""Below this number of people, an interval on NDCG@10 is about .03 wide or wider."""
_TEXTS: dict[str, Any] = tomllib.loads(files("marquee.bundle").joinpath("card.toml").read_text("utf-8"))
_MODELS, _METRICS, _RUNGS = _TEXTS["models"], _TEXTS["metrics"], _TEXTS["rungs"]
_EVALUATION, _LIMITS = _TEXTS["evaluation"], _TEXTS["limits"]
_PROTOCOL = re.compile(
    r"few-seeds/[12] positive>=(?P<positive>[\d.]+|mean) min_positives=(?P<least>\d+) draws=(?P<draws>\d+) "
    r"folds=(?P<run>\d+)/(?P<folds>\d+) seed=\d+"
)
_FILMS = re.compile(r"(?<![$\w])film(s?)\b")
_WITH_NEIGHBORS = ("few_seed_ridge", "edlae", "ease")


class Estimate(FrozenBaseModel):
    """A mean over people."""

    mean: float
    ci95: tuple[float, float] | None
    """95 % bootstrap interval over people; null if there is none."""


class CardRow(FrozenBaseModel):
    """One model."""

    model: str
    label: str
    """Description of the model."""
    values: dict[str, Estimate]
    """By number of seeds in `accuracy`, by metric in `beyond_accuracy`; values that were not measured are missing."""


class CardData(FrozenBaseModel):
    """Training data; null where the bundle does not record it."""

    name: str
    source: str
    sha256: str
    """The first 12 hex digits; empty if unknown."""
    ratings: int | None
    people: int | None
    rated_films: int | None
    newest_film_year: int | None
    newest_rating_year: int | None


class CalibrationError(FrozenBaseModel):
    """Calibration error of `affinity_score` for answers from one rung of the ladder."""

    rung: str
    ece: float | None
    """Expected calibration error over ten bins; null if there were too few people."""


class ModelCard(FrozenBaseModel):
    """Model card: what a bundle is, how it was evaluated, what it is for, and its limits."""

    version: str
    created: datetime
    marquee: str
    """Version of Marquee that created the bundle."""
    what: str
    data: CardData
    films: int
    """Number of films in the catalogue."""
    people_judging: int | None
    """Number of held-out people in the evaluation."""
    niche_people: int | None
    """Number of those with niche taste (`niche_ndcg@10`)."""
    protocol: str
    """Evaluation protocol; only figures of the same protocol and data are comparable."""
    how_judged: str
    """Description of the protocol."""
    accuracy: list[CardRow]
    """NDCG@10 by number of seeds: the pipeline first, then the models it is compared with."""
    beyond_accuracy: list[CardRow]
    """Other metrics at 5 seeds."""
    calibration: list[CalibrationError]
    intended_use: list[str]
    limits: list[str]
    """Limits and known bias, derived from the figures."""
    unknown: list[str]
    """Facts that the bundle does not record."""


def model_card(manifest: Manifest, noun: tuple[str, str] = FILMS) -> ModelCard:
    """Model card of a bundle, whose catalogue calls its items so."""
    metrics, data, counts = manifest.metrics, manifest.data, manifest.data.counts
    beyond, intervals = metrics.beyond.get(metrics.seeds, {}), metrics.beyond_ci95.get(metrics.seeds, {})
    card = ModelCard(
        version=manifest.version,
        created=manifest.created,
        marquee=manifest.code_version.marquee,
        what=_TEXTS["what"],
        data=CardData(
            name=data.name,
            source=describe_source(data.source),
            sha256=data.sha256[:12],
            ratings=counts.get("ratings"),
            people=counts.get("people", counts.get("users")),
            rated_films=counts.get("rated_movies"),
            newest_film_year=counts.get("newest_film_year"),
            newest_rating_year=counts.get("newest_rating_year"),
        ),
        films=manifest.n_movies,
        people_judging=metrics.n_people,
        niche_people=metrics.n_niche_people,
        protocol=metrics.protocol or "",
        how_judged=describe_protocol(metrics.protocol, metrics.n_people),
        accuracy=_rows(
            (model, k, mean, metrics.ci95.get(k, {}).get(model))
            for k in SEEDS
            for model, mean in metrics.ndcg.get(k, {}).items()
        ),
        beyond_accuracy=_rows(
            (model, metric, figures[metric], intervals.get(model, {}).get(metric))
            for model, figures in beyond.items()
            for metric in _METRICS
            if metric in figures
        ),
        calibration=[
            CalibrationError(rung=rung, ece=metrics.calibration[rung].get("ece"))
            for rung in _RUNGS
            if rung in metrics.calibration
        ],
        intended_use=_TEXTS["intended_use"],
        limits=[*_limits_by_metrics(manifest), *_limits_by_data(manifest)],
        unknown=_unknown(manifest),
    )
    if noun == FILMS:
        return card
    return ModelCard.model_validate(_worded(card.model_dump(exclude={"data"}), noun) | {"data": card.data})


def _worded(value: Any, noun: tuple[str, str]) -> Any:
    """The value with another noun in its texts."""
    if isinstance(value, str):
        return _FILMS.sub(lambda found: noun[bool(found[1])], value).replace("they watch", "they choose")
    if isinstance(value, dict):
        return {key: _worded(entry, noun) for key, entry in value.items()}
    return [_worded(entry, noun) for entry in value] if isinstance(value, list) else value


def describe_source(source: str) -> str:
    """Source of the data; of a local path only the folder's name, since cards are public."""
    if re.match(r"[~/\\]|[A-Za-z]:\\", source) is None:
        return source
    name = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    return f"a folder named {name}" if name else "a folder"


def describe_protocol(protocol: str | None, n_people: int | None) -> str:
    """Description of an evaluation protocol."""
    if not protocol:
        return str(_EVALUATION["none"])
    people = f"{n_people:,} people" if n_people is not None else "People"
    if (found := _PROTOCOL.fullmatch(protocol)) is None:
        return str(_EVALUATION["other"].format(people=people, protocol=protocol))
    run, folds, draws = found["run"], found["folds"], found["draws"]
    parts = f"{folds} parts" if run == folds else f"{folds} parts, of which {run} were used"
    times = {"1": "once", "2": "twice"}.get(draws, f"{draws} times")
    facts = found.groupdict()
    if facts["positive"] == "mean":
        facts["positive"] = "the person's own mean"
    return str(_EVALUATION["few_seeds"].format(people=people, parts=parts, times=times, **facts))


def _rows(figures: Iterable[tuple[str, str, float, tuple[float, float] | None]]) -> list[CardRow]:
    """Rows in the order of card.toml; models that are not in it come last, under their own names."""
    by_model: dict[str, dict[str, Estimate]] = {}
    for model, column, mean, ci95 in figures:
        by_model.setdefault(model, {})[column] = Estimate(mean=mean, ci95=ci95)
    order = [*_MODELS, *sorted(by_model.keys() - _MODELS)]
    ranked = sorted(by_model, key=order.index)
    return [CardRow(model=model, label=_MODELS.get(model, model), values=by_model[model]) for model in ranked]


def _limits_by_metrics(manifest: Manifest) -> Iterator[str]:
    metrics, n_films = manifest.metrics, manifest.n_movies
    if metrics.not_judged:
        yield _LIMITS["not_judged"].format(what=metrics.not_judged)
    given = _given(metrics.seeds)
    if (share := metrics.beyond_accuracy("head_share@10")) is not None:
        yield _LIMITS["head_share"].format(share=_percent(share))
    if (share := metrics.beyond_accuracy("coverage@10")) is not None:
        shown = f"{round(share * n_films):,}"
        yield _LIMITS["coverage"].format(shown=shown, films=f"{n_films:,}", share=_percent(share), given=given)
    niche, average = metrics.beyond_accuracy("niche_ndcg@10"), metrics.score()
    if niche is not None and average is not None:
        comparison = "worse" if niche < average else "no worse"
        yield _LIMITS["niche"].format(niche=niche, average=average, comparison=comparison, given=given)
    at_one = metrics.ndcg.get("1", {})
    best = max(at_one, key=at_one.__getitem__, default="pipeline")
    if "pipeline" in at_one and at_one[best] > at_one["pipeline"]:
        yield _LIMITS["one_film"].format(model=_MODELS.get(best, best), ours=at_one["pipeline"], best=at_one[best])


def _limits_by_data(manifest: Manifest) -> Iterator[str]:
    config, counts, people = manifest.config, manifest.data.counts, manifest.metrics.n_people
    least = config.get("item_cf_min_positives")
    if isinstance(least, int | float) and least > 1 and config.get("item_cf") in _WITH_NEIGHBORS:
        yield _LIMITS["rare_films"].format(least=least)
    years = {what: counts.get(f"newest_{what}_year") for what in ("rating", "film")}
    if newest := [f"the newest {what} is from {year}" for what, year in years.items() if year]:
        yield _LIMITS["newest"].format(newest=" and ".join(newest))
    if people is not None and people < SMALL_PANEL:
        yield _LIMITS["few_people"].format(people=f"{people:,}")


def _unknown(manifest: Manifest) -> list[str]:
    metrics, counts = manifest.metrics, manifest.data.counts
    known = {
        "accuracy": metrics.score() is not None,
        "protocol": metrics.protocol is not None,
        "evaluated": metrics.n_people is not None,
        "beyond_accuracy": metrics.beyond_accuracy("coverage@10") is not None,
        "calibration": bool(metrics.calibration),
        "ratings": "ratings" in counts,
        "people": not {"people", "users"}.isdisjoint(counts),
        "age": not {"newest_rating_year", "newest_film_year"}.isdisjoint(counts),
        "data": bool(manifest.data.sha256),
        "config": bool(manifest.config),
    }
    return [_TEXTS["unknown"][what] for what, is_known in known.items() if not is_known]


def _given(seeds: str) -> str:
    return "1 liked film" if seeds == "1" else f"{seeds} liked films"


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 else f"{value:.1f} %"


def markdown(card: ModelCard, noun: tuple[str, str] = FILMS) -> str:
    """The card as a Markdown document; sections without figures are left out."""
    counts = {name: value for name, value in card.data if isinstance(value, int)} | {"films": card.films}
    facts = {name: str(value) if name.endswith("_year") else f"{value:,}" for name, value in counts.items()}
    facts |= {"name": _escape(card.data.name), "source": _escape(card.data.source), "sha256": card.data.sha256}
    values = {
        **{name: facts.get(name) or "not known" for name in (*CardData.model_fields, "films")},
        "version": card.version,
        "what": card.what,
        "created": f"{card.created:%Y-%m-%d %H:%M}",
        "marquee": card.marquee,
        "how_judged": _escape(card.how_judged),
        "accuracy": _accuracy(card.accuracy),
        "given": _given(max((k for k in SEEDS[:3] if any(k in row.values for row in card.accuracy)), default="5")),
        "beyond_accuracy": _beyond_accuracy(card.beyond_accuracy),
        "calibration": _calibration(card.calibration),
        "intended_use": _bullets(card.intended_use),
        "limits": _bullets(card.limits) or _TEXTS["no_limits"],
        "unknown": _bullets(card.unknown),
    }
    layout = files("marquee.bundle").joinpath("card.md").read_text("utf-8")
    if noun != FILMS:
        values |= {name: _worded(text, noun) for name, text in values.items() if name not in ("name", "source")}
        layout = _worded(layout, noun)
    sections = [Template(section) for section in re.split(r"\n(?=## )", layout)]
    filled = (section for section in sections if all(values[name] for name in section.get_identifiers()))
    return "\n".join(section.substitute(values) for section in filled)


def _accuracy(rows: Sequence[CardRow]) -> str:
    seeds = [k for k in SEEDS if any(k in row.values for row in rows)]
    cells = [(_escape(row.label), *(_estimate(row, k) for k in seeds)) for row in rows]
    return _table(("", *(f"{k} given" for k in seeds)), cells)


def _beyond_accuracy(rows: Sequence[CardRow]) -> str:
    shown = [row for row in rows if row.model in {"pipeline", "popularity"}] or rows
    names = [name for name in _METRICS if any(name in row.values for row in rows)]
    cells = [(f"{_METRICS[name]} (`{name}`)", *(_estimate(row, name) for row in shown)) for name in names]
    return _table(("", *(_escape(row.label) for row in shown)), cells)


def _calibration(entries: Sequence[CalibrationError]) -> str:
    eces = {entry.rung: "not known" if entry.ece is None else f"{entry.ece:.4f}" for entry in entries}
    cells = [(_RUNGS.get(rung, rung), ece) for rung, ece in eces.items()]
    return _table(("rung of the ladder", "expected calibration error"), cells)


def _estimate(row: CardRow, column: str) -> str:
    if (value := row.values.get(column)) is None:
        return "not known"
    if column == "median_popularity@10":
        return f"{value.mean:,.0f}"
    # Shares of a catalogue are small and need another digit.
    text = f"{value.mean:.4f}" if column == "coverage@10" else f"{value.mean:.3f}"
    return text if value.ci95 is None else f"{text} [{value.ci95[0]:.3f}, {value.ci95[1]:.3f}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; empty if it has no rows."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)) if rows else ""


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {_escape(text)}" for text in texts)


def _escape(text: str) -> str:
    """Text on one line without markup: names come from the bundle's author."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
