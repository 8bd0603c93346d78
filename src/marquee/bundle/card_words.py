"""The words of a model card: each sentence is a template, and every figure in it comes from the manifest."""

import math
import re
from collections.abc import Mapping
from typing import Any

from marquee.bundle.gate import score
from marquee.bundle.gate_beyond import figure
from marquee.bundle.manifest import Manifest

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
_PROTOCOL = re.compile(
    r"few-seeds/1 positive>=(?P<positive>[\d.]+) min_positives=(?P<least>\d+) draws=(?P<draws>\d+) "
    r"folds=(?P<run>\d+)/(?P<folds>\d+) seed=\d+"
)
_WITH_NEIGHBORS = ("few_seed_ridge", "edlae", "ease")
SMALL_PANEL = 1000
"""Below this many people, an interval on NDCG@10 is about .03 wide or wider."""


def number(value: Any) -> float | None:
    """A finite number, or None."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def source_in_words(source: str) -> str:
    """Where the data came from; of a folder the name alone: a card is public, and a machine's paths are not."""
    if re.match(r"[~/\\]|[A-Za-z]:\\", source) is None:
        return source
    name = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    return f"a folder named {name}" if name else "a folder"


def judged_in_words(protocol: str, people: int | None) -> str:
    """How the figures came about."""
    if not protocol:
        return "It was not judged, or the bundle doesn't say how."
    who = f"{people:,} people" if people is not None else "People"
    if (found := _PROTOCOL.fullmatch(protocol)) is None:
        return f"{who} judged it by the protocol {protocol!r}, which this version of Marquee can't put in words."
    draws, run, folds = int(found["draws"]), int(found["run"]), int(found["folds"])
    parts = f"in {folds} parts" if run == folds else f"in {folds} parts, of which {run} judged"
    return (
        f"{who} with at least {found['least']} likes (ratings of {found['positive']} or more), {parts}, each by models "
        f"that never saw them: a few of their likes are shown, drawn at random {_times(draws)}, and the others "
        "are to be found among all films of the catalogue. The bundle's own models are then fitted on everybody."
    )


def limits(manifest: Manifest) -> list[str]:
    """Limits and known bias in plain words, as far as the figures say."""
    candidates = (
        _hits(manifest),
        _coverage(manifest),
        _niche(manifest),
        _one_seed(manifest),
        _neighbors(manifest),
        _age(manifest),
        _panel(manifest),
    )
    return [text for text in candidates if text]


def unknowns(manifest: Manifest) -> list[str]:
    """What the bundle doesn't say."""
    metrics, counts = manifest.metrics, manifest.data.counts
    known = {
        "how accurate it is": score(metrics, "pipeline") is not None,
        "how it was judged": isinstance(metrics.get("protocol"), str),
        "how many people judged it": number(metrics.get("n_people")) is not None,
        "how much of the catalogue it shows, and whom it serves worse": figure(metrics, "pipeline", "coverage@10")
        is not None,
        "how far affinity is from the truth": isinstance(metrics.get("calibration"), Mapping),
        "how many ratings it was trained on": "ratings" in counts,
        "how many people they are of": not {"people", "users"}.isdisjoint(counts),
        "how old its data is": not {"newest_rating_year", "newest_film_year"}.isdisjoint(counts),
        "exactly which data it was trained on": bool(manifest.data.sha256),
        "with which settings it was trained": bool(manifest.config),
    }
    return [what for what, is_known in known.items() if not is_known]


def _hits(manifest: Manifest) -> str:
    share = figure(manifest.metrics, "pipeline", "head_share@10")
    if share is None:
        return ""
    return f"{_percent(share)} of the films shown are among the most liked tenth of the catalogue."


def _coverage(manifest: Manifest) -> str:
    share = figure(manifest.metrics, "pipeline", "coverage@10")
    if share is None:
        return ""
    shown = round(share * manifest.n_movies)
    return (
        f"At 5 films given, {shown:,} of the catalogue's {manifest.n_movies:,} films ({_percent(share)}) came up in "
        "the lists of ten of all people who judged; the others were shown to nobody."
    )


def _niche(manifest: Manifest) -> str:
    tail, everybody = figure(manifest.metrics, "pipeline", "niche_ndcg@10"), score(manifest.metrics, "pipeline")
    if tail is None or everybody is None:
        return ""
    verdict = "worse than" if tail < everybody else "no worse than"
    return (
        f"For people with niche taste (the third whose liked films are least popular), NDCG@10 at 5 films given is "
        f"{tail:.3f} against {everybody:.3f} for all: they are served {verdict} others."
    )


def _one_seed(manifest: Manifest) -> str:
    table = manifest.metrics.get("ndcg@10")
    one: Any = table.get("1") if isinstance(table, Mapping) else None
    if not isinstance(one, Mapping):
        return ""
    ours = number(one.get("pipeline"))
    others = {name: value for name, raw in one.items() if name != "pipeline" and (value := number(raw)) is not None}
    if ours is None or not others:
        return ""
    best = max(others, key=lambda name: others[name])
    if others[best] <= ours:
        return ""
    return (
        f"With one film given it is behind {LABELS.get(best, best)}: NDCG@10 {ours:.3f} against {others[best]:.3f}. "
        "Give it more than one."
    )


def _neighbors(manifest: Manifest) -> str:
    least = number(manifest.config.get("item_cf_min_positives"))
    if least is None or least <= 1 or manifest.config.get("item_cf") not in _WITH_NEIGHBORS:
        return ""
    return f"Only films with at least {least:.0f} likes take part in the second view; others rest on the first alone."


def _age(manifest: Manifest) -> str:
    ratings, films = (manifest.data.counts.get(name) for name in ("newest_rating_year", "newest_film_year"))
    texts = [
        f"the newest rating is of {ratings}" if ratings else "",
        f"the newest film of {films}" if films else "",
    ]
    told = " and ".join(text for text in texts if text)
    return f"In its data {told}: it knows nothing later." if told else ""


def _panel(manifest: Manifest) -> str:
    people = number(manifest.metrics.get("n_people"))
    if people is None or people >= SMALL_PANEL:
        return ""
    return f"Only {people:,.0f} people judged it, so small differences mean nothing: see the intervals."


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 else f"{value:.1f} %"


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")
