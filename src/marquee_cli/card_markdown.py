"""A model card as Markdown, for files and, by way of a renderer, for terminals."""

import re
from collections.abc import Sequence

from marquee.bundle.card import BEYOND, SEEDS, CardRow, Estimate, ModelCard

MEANINGS = {
    "coverage@10": "share of the catalogue in anybody's list of ten",
    "median_popularity@10": "median likes of the films shown",
    "head_share@10": "share of a list that is of the most liked tenth",
    "stratified_recall@20": "likes found, lesser-known films weighing more",
    "niche_ndcg@10": "NDCG@10 of people with niche taste",
    "ild@10": "variety of genres within a list",
    "genre_divergence@10": "distance from the person's own genres; less is closer",
}
NDCG = (
    "NDCG@10 by the number of films given, with the 95 % interval over people: 1 is a list of ten that the person "
    "likes throughout, 0 is none."
)
RUNGS = {
    "two_tower": "both stages",
    "item_cf": "the second view alone (retrieval is away)",
    "popularity": "popularity (nothing to go by)",
}


def markdown(card: ModelCard) -> str:
    """The card as a Markdown document."""
    blocks = [f"# Model card: {card.version}", card.what, *_data(card), *_judged(card)]
    blocks += ["## What it is for", _bullets(card.intended_use)]
    blocks += ["## Limits and known bias", _bullets(card.limits) or "The bundle has no figures that would show them."]
    if card.unknown:
        blocks += ["## Not known", "The bundle doesn't say:", _bullets(card.unknown)]
    return "\n\n".join(blocks) + "\n"


def _data(card: ModelCard) -> list[str]:
    data = card.data
    facts = [
        ("data", _safe(data.name)),
        ("source", _safe(data.source)),
        ("sha256 of the data", data.sha256),
        ("ratings", _count(data.ratings)),
        ("people", _count(data.people)),
        ("films in the catalogue", _count(card.films)),
        ("of these rated by anybody", _count(data.rated_films)),
        ("newest rating", str(data.newest_rating_year or "")),
        ("newest film", str(data.newest_film_year or "")),
        ("made", f"{card.created:%Y-%m-%d %H:%M} UTC by Marquee {card.marquee}"),
    ]
    return ["## Data", _table(("", ""), [(name, value or "not known") for name, value in facts], "---")]


def _judged(card: ModelCard) -> list[str]:
    blocks = ["## How it was judged", _safe(card.how_judged)]
    if card.accuracy:
        seeds = [k for k in SEEDS if any(k in row.values for row in card.accuracy)]
        blocks += [
            NDCG,
            _table(("", *(f"{k} given" for k in seeds)), [_row(row, seeds) for row in card.accuracy]),
        ]
    if card.beyond_accuracy:
        names = [name for name in BEYOND if any(name in row.values for row in card.beyond_accuracy)]
        shown = [row for row in card.beyond_accuracy if row.model in {"pipeline", "popularity"}] or card.beyond_accuracy
        rows = [
            (f"{MEANINGS[name]} (`{name}`)", *(_estimate(row.values.get(name), name) for row in shown))
            for name in names
        ]
        blocks += ["## Beyond accuracy, at 5 films given", _table(("", *(_safe(row.label) for row in shown)), rows)]
    if card.calibration:
        rows = [
            (RUNGS.get(entry.rung, entry.rung), "not known" if entry.ece is None else f"{entry.ece:.4f}")
            for entry in card.calibration
        ]
        blocks += [
            "## What `affinity_score` means",
            "Of people with such films, the share who liked a film with this score. On average it is off by:",
            _table(("where the answer comes from", "expected calibration error"), rows),
        ]
    return blocks


def _row(row: CardRow, names: Sequence[str]) -> tuple[str, ...]:
    return (_safe(row.label), *(_estimate(row.values.get(name)) for name in names))


def _estimate(value: Estimate | None, metric: str = "") -> str:
    if value is None:
        return "not known"
    if metric == "median_popularity@10":
        return f"{value.mean:,.0f}"
    # Shares of a catalogue are small: two digits of them should be seen.
    text = f"{value.mean:.4f}" if metric == "coverage@10" else f"{value.mean:.3f}"
    return text if value.ci95 is None else f"{text} [{value.ci95[0]:.3f}, {value.ci95[1]:.3f}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], rest: str = "---:") -> str:
    rule = ["---", *(rest for _ in head[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {_safe(text)}" for text in texts)


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _safe(text: str) -> str:
    """Names come from whoever made the bundle: nothing in them is markup."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
