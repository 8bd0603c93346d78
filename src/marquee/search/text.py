"""Text of titles: normalization for comparison, the names of a film, and an index of keys by prefix."""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np

from marquee.models import Rows

ARTICLES = frozenset("the a an le la les un une il lo el los las der die das den det de het".split())
_FIRST_COMBINING = "\u0300"
_LAST = "\U0010ffff"  # sorts after whatever can follow
_BRACKETS = re.compile(r"\(([^()]*)\)")
_AKA = re.compile(r"^\s*a\.?k\.?a\.?\s+", re.IGNORECASE)
_OR = re.compile(r",? or$", re.IGNORECASE)  # "Dr. Strangelove or: How I ..."
_ROMAN = "i ii iii iv v vi vii viii ix x xi xii xiii".split()
_NUMBER_WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen".split()
_ABBREVIATIONS = {
    "doctor": "dr", "mister": "mr", "missus": "mrs", "saint": "st", "mount": "mt", "volume": "vol", "versus": "vs"
}  # fmt: skip
_VARIANTS: dict[str, tuple[str, ...]] = {short: (full,) for full, short in _ABBREVIATIONS.items()}
_VARIANTS |= {full: (short,) for full, short in _ABBREVIATIONS.items()}
for _number, _written in enumerate(zip(_ROMAN, _NUMBER_WORDS, strict=True), start=1):
    _VARIANTS |= {str(_number): _written, **dict.fromkeys(_written, (str(_number),))}
_WORDS_FOR_INITIALS = 4
_SUBTITLE = re.compile(r": | - | – ")


def fold(text: str) -> str:
    """Lower case without accents or punctuation, so that "amelie" finds "Amélie" and "wall e" finds "WALL·E"."""
    plain = text.casefold().replace("&", " and ")
    if not plain.isascii():
        # Twice: case folding leaves what the decomposition makes of some letters in capitals.
        plain = unicodedata.normalize("NFKD", plain).casefold()
        plain = "".join(c for c in plain if c < _FIRST_COMBINING or not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def without_articles(words: list[str]) -> list[str]:
    """The words without an article in front ("the matrix") or at the end ("matrix the"), if any is left then."""
    start = 1 if len(words) > 1 and words[0] in ARTICLES else 0
    end = -1 if len(words) - start > 1 and words[-1] in ARTICLES else None
    return words[start:end]


def core(folded: str) -> str:
    """Folded text without its articles."""
    return " ".join(without_articles(folded.split()))


def names_of(title: str) -> set[str]:
    """Names of a film: "Seven (a.k.a. Se7en)" is called "seven a k a se7en", "seven" and "se7en".

    As of all functions below, the results are folded and without articles.
    """
    parts = [title, _BRACKETS.sub(" ", title), *(_AKA.sub("", part) for part in _BRACKETS.findall(title))]
    return {name for part in parts if (name := core(fold(part)))}


def without_brackets(title: str) -> str:
    """The title as a person would say it: "Seven"; all of it where there is nothing outside brackets."""
    return " ".join(_BRACKETS.sub(" ", title).split()) or title


def series_of(title: str) -> str:
    """The part before a colon: "Star Wars: Episode IV" is of "star wars"; "" without a colon."""
    before, colon, _ = _BRACKETS.sub(" ", title).partition(": ")
    return core(fold(_OR.sub("", before))) if colon else ""


def subtitles_of(title: str) -> set[str]:
    """The parts after a colon or a dash: "empire strikes back"."""
    parts = _SUBTITLE.split(_BRACKETS.sub(" ", title))[1:]
    return {name for part in parts if (name := core(fold(part)))}


def initials_of(title: str) -> set[str]:
    """Abbreviations of a title: "et" of "E.T. the Extra-Terrestrial", "lotr" of "The Lord of the Rings: ..."."""
    series = series_of(title).split()
    of_series = {"".join(word[0] for word in series)} if len(series) >= _WORDS_FOR_INITIALS else set()
    runs = groupby(fold(title).split(), key=lambda word: len(word) == 1 and word.isalpha())
    return of_series | {joined for single, run in runs if single and len(joined := "".join(run)) > 1}


def spelling_variants(word: str) -> tuple[str, ...]:
    """Other spellings of a word: "2" as "ii" or "two", "doctor" as "dr", and the other way round."""
    return _VARIANTS.get(word, ())


class Prefixes:
    """Index of pairs of a key and a row of the catalogue by the key's prefix: a look-up takes two binary searches."""

    def __init__(self, pairs: Iterable[tuple[str, int]]) -> None:
        rows_of: defaultdict[str, list[int]] = defaultdict(list)
        for key, row in pairs:
            rows_of[key].append(row)
        self.keys = sorted(rows_of)
        found = [rows_of[key] for key in self.keys]
        self._start = np.cumsum([0, *map(len, found)])
        self._rows: Rows = np.fromiter((row for rows in found for row in rows), dtype=np.int64)

    def starting(self, prefix: str) -> Rows:
        """Rows of the keys with this prefix; a row can occur twice."""
        first, end = bisect_left(self.keys, prefix), bisect_left(self.keys, prefix + _LAST)
        return self._rows[self._start[first] : self._start[end]]

    def exactly(self, key: str) -> Rows:
        """Rows of this key."""
        at = bisect_left(self.keys, key)
        return self.at([at]) if at < len(self.keys) and self.keys[at] == key else self._rows[:0]

    def at(self, positions: Sequence[int] | Rows) -> Rows:
        """Rows of keys by their positions."""
        if len(positions) == 0:
            return self._rows[:0]
        return np.concatenate([self._rows[self._start[at] : self._start[at + 1]] for at in positions])
