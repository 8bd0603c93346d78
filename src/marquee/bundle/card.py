"""Model cards: what a bundle is, how it was judged, what it is for, and where it falls short.

M. Mitchell et al., "Model Cards for Model Reporting", FAT* 2019. Everything is read from the manifest, and what the
manifest doesn't say is listed as unknown. `marquee card`, `GET /v1/model` and the web page show the same card.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from marquee.base_model import FrozenBaseModel
from marquee.bundle.manifest import Manifest
from marquee.bundle.metrics import MAIN_SEEDS

SEEDS = ("1", "3", "5", "10")
WHAT = (
    "A two-stage recommender of films: a Two-Tower model finds candidates for a few films that somebody likes, a "
    "re-ranker blends in a second view of which films people like together, genres, years and popularity, and spreads "
    "the list. Nobody needs an account, and requests are not learned from."
)
INTENDED_USE = (
    "Suggesting films to one person, or to a few who watch together, from a handful of films that each of them likes.",
    "Finding films like a given one.",
    "Not for judging people by what they watch, for films that are not in the catalogue, or for anything but films.",
    "Not for deciding what gets made, bought or paid for: popularity among raters is not worth.",
)
LABELS = {
    "pipeline": "the product: both stages",
    "two_tower": "its first stage alone",
    "popularity": "the most liked films for everybody",
    "edlae": "a linear item-item model (EDLAE)",
    "svd_centered": "the classic SVD of centred ratings",
}
BEYOND = {
    "coverage@10": "share of the catalogue in anybody's list of ten",
    "median_popularity@10": "median likes of the films shown",
    "head_share@10": "share of a list that is of the most liked tenth",
    "stratified_recall@20": "likes found, lesser-known films weighing more",
    "niche_ndcg@10": "NDCG@10 of people with niche taste",
    "ild@10": "variety of genres within a list",
    "genre_divergence@10": "distance from the person's own genres; less is closer",
}
RUNGS = {
    "two_tower": "both stages",
    "item_cf": "the second view alone (retrieval is away)",
    "popularity": "popularity (nothing to go by)",
}
SMALL_PANEL = 1000
"""Below this many people, an interval on NDCG@10 is about .03 wide or wider."""
_PROTOCOL = re.compile(
    r"few-seeds/1 positive>=(?P<positive>[\d.]+) min_positives=(?P<least>\d+) draws=(?P<draws>\d+) "
    r"folds=(?P<run>\d+)/(?P<folds>\d+) seed=\d+"
)
_WITH_NEIGHBORS = ("few_seed_ridge", "edlae", "ease")


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
    """The card of a bundle; without metrics it says what isn't known."""
    metrics, data, counts = manifest.metrics, manifest.data, manifest.data.counts
    beyond, intervals = metrics.beyond.get(MAIN_SEEDS, {}), metrics.beyond_ci95.get(MAIN_SEEDS, {})
    return ModelCard(
        version=manifest.version,
        created=manifest.created,
        marquee=manifest.code_version.marquee,
        what=WHAT,
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
            for metric in BEYOND
            if metric in figures
        ),
        calibration=[
            CalibrationError(rung=rung, ece=metrics.calibration[rung].get("ece"))
            for rung in RUNGS
            if rung in metrics.calibration
        ],
        intended_use=list(INTENDED_USE),
        limits=[*_limits_by_metrics(manifest), *_limits_by_data(manifest)],
        unknown=_unknown(manifest),
    )


def describe_source(source: str) -> str:
    """Where the data came from; of a folder only the name, since a card is public, and a machine's paths are not."""
    if re.match(r"[~/\\]|[A-Za-z]:\\", source) is None:
        return source
    name = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    return f"a folder named {name}" if name else "a folder"


def describe_protocol(protocol: str | None, people: int | None) -> str:
    """How the metrics were measured, in words."""
    if not protocol:
        return "It was not judged, or the bundle doesn't say how."
    who = f"{people:,} people" if people is not None else "People"
    if (found := _PROTOCOL.fullmatch(protocol)) is None:
        return f"{who} judged it by the protocol {protocol!r}, which this version of Marquee can't put in words."
    run, folds, draws = found["run"], found["folds"], found["draws"]
    parts = f"in {folds} parts" if run == folds else f"in {folds} parts, of which {run} judged"
    times = {"1": "once", "2": "twice"}.get(draws, f"{draws} times")
    return (
        f"{who} with at least {found['least']} likes (ratings of {found['positive']} or more), {parts}, each by models "
        f"that never saw them: a few of their likes are shown, drawn at random {times}, and the others "
        "are to be found among all films of the catalogue. The bundle's own models are then fitted on everybody."
    )


def _rows(figures: Iterable[tuple[str, str, float, tuple[float, float] | None]]) -> list[CardRow]:
    """Rows in the order of LABELS; models of a later Marquee come last, under their own names."""
    by_model: dict[str, dict[str, Estimate]] = {}
    for model, column, mean, ci95 in figures:
        by_model.setdefault(model, {})[column] = Estimate(mean=mean, ci95=ci95)
    order = [*LABELS, *sorted(by_model.keys() - LABELS)]
    ranked = sorted(by_model, key=order.index)
    return [CardRow(model=model, label=LABELS.get(model, model), values=by_model[model]) for model in ranked]


def _limits_by_metrics(manifest: Manifest) -> Iterator[str]:
    metrics = manifest.metrics
    if (share := metrics.beyond_accuracy("head_share@10")) is not None:
        yield f"{_percent(share)} of the films shown are among the most liked tenth of the catalogue."
    if (share := metrics.beyond_accuracy("coverage@10")) is not None:
        yield (
            f"At 5 films given, {round(share * manifest.n_movies):,} of the catalogue's {manifest.n_movies:,} films "
            f"({_percent(share)}) came up in the lists of ten of all people who judged; the others were shown to "
            "nobody."
        )
    tail, everybody = metrics.beyond_accuracy("niche_ndcg@10"), metrics.score()
    if tail is not None and everybody is not None:
        yield (
            "For people with niche taste (the third whose liked films are least popular), NDCG@10 at 5 films given is "
            f"{tail:.3f} against {everybody:.3f} for all: they are served "
            f"{'worse than' if tail < everybody else 'no worse than'} others."
        )
    at_one = metrics.ndcg.get("1", {})
    best = max(at_one, key=at_one.__getitem__, default="pipeline")
    if "pipeline" in at_one and at_one[best] > at_one["pipeline"]:
        yield (
            f"With one film given it is behind {LABELS.get(best, best)}: NDCG@10 {at_one['pipeline']:.3f} against "
            f"{at_one[best]:.3f}. Give it more than one."
        )


def _limits_by_data(manifest: Manifest) -> Iterator[str]:
    config, counts, people = manifest.config, manifest.data.counts, manifest.metrics.n_people
    least = config.get("item_cf_min_positives")
    if isinstance(least, int | float) and least > 1 and config.get("item_cf") in _WITH_NEIGHBORS:
        yield (
            f"Only films with at least {least:.0f} likes take part in the second view; others rest on the first alone."
        )
    newest = {"rating is": counts.get("newest_rating_year"), "film": counts.get("newest_film_year")}
    if texts := [f"the newest {what} of {year}" for what, year in newest.items() if year]:
        yield f"In its data {' and '.join(texts)}: it knows nothing later."
    if people is not None and people < SMALL_PANEL:
        yield f"Only {people:,} people judged it, so small differences mean nothing: see the intervals."


def _unknown(manifest: Manifest) -> list[str]:
    metrics, counts = manifest.metrics, manifest.data.counts
    known = {
        "how accurate it is": metrics.score() is not None,
        "how it was judged": metrics.protocol is not None,
        "how many people judged it": metrics.n_people is not None,
        "how much of the catalogue it shows, and whom it serves worse": metrics.beyond_accuracy("coverage@10")
        is not None,
        "how far affinity is from the truth": bool(metrics.calibration),
        "how many ratings it was trained on": "ratings" in counts,
        "how many people they are of": not {"people", "users"}.isdisjoint(counts),
        "how old its data is": not {"newest_rating_year", "newest_film_year"}.isdisjoint(counts),
        "exactly which data it was trained on": bool(manifest.data.sha256),
        "with which settings it was trained": bool(manifest.config),
    }
    return [what for what, is_known in known.items() if not is_known]


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 else f"{value:.1f} %"


def markdown(card: ModelCard) -> str:
    """The card as a Markdown document."""
    data = card.data
    facts = {
        "data": _escape(data.name),
        "source": _escape(data.source),
        "sha256 of the data": data.sha256,
        "ratings": _grouped(data.ratings),
        "people": _grouped(data.people),
        "films in the catalogue": _grouped(card.films),
        "of these rated by anybody": _grouped(data.rated_films),
        "newest rating": str(data.newest_rating_year or ""),
        "newest film": str(data.newest_film_year or ""),
        "made": f"{card.created:%Y-%m-%d %H:%M} UTC by Marquee {card.marquee}",
    }
    sections = [
        f"# Model card: {card.version}\n\n{card.what}",
        "## Data\n\n" + _table(("", ""), ((name, value or "not known") for name, value in facts.items()), "---"),
        f"## How it was judged\n\n{_escape(card.how_judged)}",
        *_measured(card),
        f"## What it is for\n\n{_bullets(card.intended_use)}",
        "## Limits and known bias\n\n" + (_bullets(card.limits) or "The bundle has no figures that would show them."),
    ]
    if card.unknown:
        sections.append(f"## Not known\n\nThe bundle doesn't say:\n\n{_bullets(card.unknown)}")
    return "\n\n".join(sections) + "\n"


def _measured(card: ModelCard) -> Iterator[str]:
    if card.accuracy:
        seeds = [k for k in SEEDS if any(k in row.values for row in card.accuracy)]
        rows = [(_escape(row.label), *(_estimate(row, k) for k in seeds)) for row in card.accuracy]
        yield (
            "NDCG@10 by the number of films given, with the 95 % interval over people: 1 is a list of ten that the "
            "person likes throughout, 0 is none.\n\n" + _table(("", *(f"{k} given" for k in seeds)), rows)
        )
    if card.beyond_accuracy:
        shown = [row for row in card.beyond_accuracy if row.model in {"pipeline", "popularity"}] or card.beyond_accuracy
        names = [name for name in BEYOND if any(name in row.values for row in card.beyond_accuracy)]
        rows = [(f"{BEYOND[name]} (`{name}`)", *(_estimate(row, name) for row in shown)) for name in names]
        head = ("", *(_escape(row.label) for row in shown))
        yield f"## Beyond accuracy, at 5 films given\n\n{_table(head, rows)}"
    if card.calibration:
        errors = ((entry.rung, "not known" if entry.ece is None else f"{entry.ece:.4f}") for entry in card.calibration)
        rows = [(RUNGS.get(rung, rung), error) for rung, error in errors]
        yield (
            "## What `affinity_score` means\n\n"
            "Of people with such films, the share who liked a film with this score. On average it is off by:\n\n"
            + _table(("where the answer comes from", "expected calibration error"), rows)
        )


def _estimate(row: CardRow, column: str) -> str:
    if (value := row.values.get(column)) is None:
        return "not known"
    if column == "median_popularity@10":
        return f"{value.mean:,.0f}"
    # Shares of a catalogue are small: two digits of them should be seen.
    text = f"{value.mean:.4f}" if column == "coverage@10" else f"{value.mean:.3f}"
    return text if value.ci95 is None else f"{text} [{value.ci95[0]:.3f}, {value.ci95[1]:.3f}]"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], rest: str = "---:") -> str:
    rule = ["---", *(rest for _ in head[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {_escape(text)}" for text in texts)


def _grouped(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _escape(text: str) -> str:
    """Names come from whoever made the bundle: nothing in them is markup."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
