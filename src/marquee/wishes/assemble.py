"""Parts into a request. Of parts that contradict each other the last one counts, as when people correct themselves."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from marquee.wishes.contracts import Part, Wish, WishFilters


class Noted(NamedTuple):
    """A part, and what it is about: parts about the same thing overrule each other.

    Attributes:
        part: The part.
        about: A film by its MovieLens id, a genre, or the name of a dial; for years, the place in the sentence, which
            both ends of a span share.
    """

    part: Part
    about: int | str


def settled(noted: Sequence[Noted]) -> list[Part]:
    """The parts that hold, in the order of the sentence."""
    years = [entry for entry in noted if entry.part.kind in {"year_min", "year_max"}]
    others = [entry for entry in noted if entry.part.kind not in {"year_min", "year_max"}]
    last = {entry.about: entry.part for entry in others}
    kept = {id(part) for part in (*last.values(), *_years(years))}
    return [entry.part for entry in noted if id(entry.part) in kept]


def wish_of(parts: Sequence[Part]) -> Wish:
    """The request that settled parts make."""

    def values(kind: str) -> list[object]:
        return [part.value for part in parts if part.kind == kind]

    filters = {
        "genres_any": values("genre_any") or None,
        "genres_none": values("genre_none") or None,
        "year_min": next(iter(values("year_min")), None),
        "year_max": next(iter(values("year_max")), None),
    }
    return Wish.model_validate(
        {
            "movie_ids": values("like") or None,
            "disliked_movie_ids": values("dislike") or None,
            "filters": WishFilters.model_validate(filters) if any(filters.values()) else None,
            "novelty": next(iter(values("novelty")), None),
            "diversity": next(iter(values("diversity")), None),
        }
    )


def _years(noted: Sequence[Noted]) -> list[Part]:
    """One lower and one upper end: "80s and 90s" is both decades, else each end is the last that was said."""
    low: Part | None = None
    high: Part | None = None
    only_spans = True
    for _, group in groupby(noted, key=lambda entry: entry.about):
        ends = {entry.part.kind: entry.part for entry in group}
        first, last = ends.get("year_min"), ends.get("year_max")
        only_spans = only_spans and first is not None and last is not None
        if only_spans and low and high and first and last:
            low = min(low, first, key=_year)
            high = max(high, last, key=_year)
            continue
        low, high = first or low, last or high
        if low and high and _year(low) > _year(high):
            low, high = first, last
    return [part for part in (low, high) if part]


def _year(part: Part) -> int:
    return int(part.value)
