"""Vocabulary of wishes: genres, dials, likes and dislikes, negations, and fillers, from vocabulary.toml."""

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from marquee.models.catalog import Catalog
from marquee.search import fold
from marquee.wishes.years import Words, is_child

_PHRASES: dict[str, Any] = tomllib.loads(files("marquee.wishes").joinpath("vocabulary.toml").read_text("utf-8"))
_DIALS = _PHRASES["dials"]
FILLERS = set(_PHRASES["fillers"].split())
NATIONALITIES, ADJECTIVES = set(_PHRASES["nationalities"].split()), set(_PHRASES["adjectives"].split())
# What a dial's word means after a negation: the number and label of the other end.
OPPOSITES: dict[tuple[str, float], tuple[float, str]] = {
    (one["kind"], one["value"]): (other["value"], other["label"])
    for one in _DIALS
    for other in _DIALS
    if other["kind"] == one["kind"] and other["value"] != one["value"]
}
# The negations that stand before adjectives: "not scary and funny" wants it funny, "no horror and war" wants neither.
BEFORE_ADJECTIVES = {"not", "but not", "isn t", "is not", "aren t", "never", "non"}


class Vocabulary:
    """Phrases with a meaning; genres only as far as the catalogue has them."""

    def __init__(self, catalog: Catalog) -> None:
        self.genres = {name.casefold(): name for name in catalog.genre_names if not name.startswith("(")}
        self._meanings: dict[Words, tuple[str, ...]] = {}
        for name in self.genres.values():
            self._add([fold(name)], "genre", name)
        for names, phrases in _PHRASES["genres"].items():
            if known := [self.genres[name] for name in names.casefold().split(" + ") if name in self.genres]:
                self._add(phrases, "genre", *known)
        self._children = self.genres.get("children")
        if self._children:
            self._add(_PHRASES["adults"], "without", self._children)
        for dial in _DIALS:
            self._add([*dial["phrases"], fold(dial["label"])], dial["kind"], str(dial["value"]), dial["label"])
        for kind in ("like", "dislike", "not"):
            self._add(_PHRASES[kind], kind)
        self.longest = max(map(len, self._meanings))
        self.words = {word for phrase in self._meanings for word in phrase} | FILLERS

    def at(self, words: Words, start: int) -> tuple[int, tuple[str, ...]]:
        """The longest phrase that begins at a word: how many words, and its meaning; (0, ()) if there is none."""
        if self._children and is_child(words[start : start + 3]):
            return 3, ("genre", self._children)
        for length in range(min(self.longest, len(words) - start), 0, -1):
            if meaning := self._meanings.get(words[start : start + length]):
                return length, meaning
        return 0, ()

    def _add(self, phrases: Iterable[str], *meaning: str) -> None:
        for phrase in phrases:
            for written in (phrase, phrase.replace("'", "")):  # people leave apostrophes out
                self._meanings.setdefault(tuple(fold(written).split()), meaning)
