"""Parser of wishes: reads a sentence from left to right, at each word the longest phrase that begins there."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal

from marquee.models.catalog import Catalog
from marquee.search import TitleIndex
from marquee.wishes.contracts import Choice, Part, Understood, Wish, WishFilters
from marquee.wishes.titles import Found, Titles
from marquee.wishes.tokens import tidy, tokens_of, written
from marquee.wishes.vocabulary import BEFORE_ADJECTIVES, FILLERS, OPPOSITES, Vocabulary
from marquee.wishes.years import years_at

_MAX_GUESSES = 4  # each takes milliseconds
# Fields of the request that are lists, by kind of their parts.
_LISTS = {"like": "movie_ids", "dislike": "disliked_movie_ids", "genre_any": "genres_any", "genre_none": "genres_none"}
_JOINERS = {"and", "or", "nor", "plus"}

# A part and its subject: a film's id, a genre, a dial's name, or, for years, the place in the sentence, which both ends
# of a span share. Of several parts of one subject the last counts, as when people correct themselves.
_Noted = tuple[Part, int | str]


class Reader:
    """Parser of wishes about the films of one catalogue; answers name the model `version`."""

    def __init__(self, catalog: Catalog, index: TitleIndex, version: str) -> None:
        self._titles = Titles(catalog, index, Vocabulary(catalog))
        self._newest = int(catalog.years.max(initial=0))
        self._version = version

    def read(self, text: str) -> Understood:
        """Parse a sentence. Never raises: what makes no sense is among `not_understood`."""
        text = tidy(text)
        sentence = _Sentence(text, self._titles, self._newest)
        sentence.scan()
        if not sentence.noted:
            again = _Sentence(text, self._titles, self._newest)
            if again.begin_with_title():
                again.scan()
                sentence = again
        parts = _without_overruled(sentence.noted)
        not_understood = sentence.not_understood()
        return Understood(request=_wish(parts), parts=parts, not_understood=not_understood, model_version=self._version)


class _Sentence:
    """A sentence while it is parsed: the place in it, what holds for the words that follow, and what was understood."""

    def __init__(self, text: str, titles: Titles, newest: int) -> None:
        self._text = text
        self._titles = titles
        self._vocabulary = titles.vocabulary
        self._newest = newest
        self._tokens = tokens_of(text)
        self._words = tuple(token.word for token in self._tokens)
        self._at = 0
        # Whether the next title is a liked or a disliked film, and whether one is expected.
        self._side: Literal["like", "dislike"] = "like"
        self._announced = False
        self._negation = ""  # the word that negates what follows
        self._guesses = 0
        self.noted: list[_Noted] = []
        self._left: list[int] = []  # places of words that were not understood

    def scan(self) -> None:
        """Parse the rest of the sentence."""
        while self._at < len(self._tokens):
            self._step()

    def begin_with_title(self) -> bool:
        """Take the first words for a title that is misspelt or incomplete, if it can be one."""
        self._announced = True
        if not self._tokens or self._words[0] in FILLERS:
            return False
        found = self._titles.in_short(self._tokens, 0, announced=True) or self._misspelt()
        if not found or (found.length == 1 and len(self._tokens) > 1):
            return False
        self._film(found)
        return True

    def not_understood(self) -> list[str]:
        """Runs of words that were not understood, without fillers at both ends."""
        runs: list[list[int]] = []
        for at in self._left:
            pause = self._tokens[at].comma or self._tokens[at].sentence
            if runs and runs[-1][-1] == at - 1 and not pause:
                runs[-1].append(at)
            else:
                runs.append([at])
        contents = ([at for at in run if self._words[at] not in FILLERS] for run in runs)
        return [written(self._text, self._tokens[run[0] : run[-1] + 1]) for run in contents if run]

    def _step(self) -> None:
        self._pause()
        length, meaning = self._vocabulary.at(self._words, self._at)
        years = years_at(self._words, self._at, self._newest)
        announced = self._announced or self._negation in {"not", "but not", "except"}
        title = self._titles.at(self._tokens, self._at, announced=announced)
        short = self._titles.in_short(self._tokens, self._at, announced=announced)
        if short and (title is None or short.length > title.length):
            title = short
        known = max(length, years[0] if years else 0)
        if title and (title.length > known or (title.length == known and (self._announced or not years))):
            self._film(title)
        elif years and years[0] >= length:
            self._years(*years)
        elif length:
            self._phrase(length, meaning)
        elif near := self._misspelt():
            self._film(near)
        else:
            word = self._words[self._at]
            if word not in FILLERS:
                self._announced = False
            if word == "but":
                self._negation = ""
            self._left.append(self._at)
            self._at += 1

    def _misspelt(self) -> Found | None:
        if not self._announced or self._words[self._at] in FILLERS or self._guesses == _MAX_GUESSES:
            return None
        self._guesses += 1
        return self._titles.misspelt(self._tokens, self._at)

    def _pause(self) -> None:
        """End what a comma or the end of a sentence ends."""
        token = self._tokens[self._at]
        if token.sentence:
            self._side, self._announced, self._negation = "like", False, ""
        elif token.comma and self._negation and not self._list_goes_on():
            self._negation = ""

    def _list_goes_on(self) -> bool:
        """Whether "no horror, war or musicals" goes on after the comma: genres only, and an "or" before the last."""
        at = self._at
        while at < len(self._words):
            length, meaning = self._vocabulary.at(self._words, at)
            if not length or meaning[0] != "genre":
                return False
            at += length
            if self._words[at : at + 1] in {("or",), ("nor",)}:
                return True
            if at >= len(self._tokens) or not self._tokens[at].comma:
                return False
        return False

    def _film(self, found: Found) -> None:
        side = "dislike" if self._negation else self._side
        text = self._take(found.length)
        choices = [Choice(movie_id=self._movie(row), label=self._titles.label(row)) for row in found.choices]
        label = f"{'not ' if side == 'dislike' else ''}like {self._titles.label(found.row)}"
        self._note(side, self._movie(found.row), text, label, self._movie(found.row), choices or None)
        self._announced = self._words[self._at : self._at + 1] != ("but",)
        self._after_property()

    def _movie(self, row: int) -> int:
        return int(self._titles.catalog.movie_ids[row])

    def _phrase(self, length: int, meaning: tuple[str, ...]) -> None:
        kind, *values = meaning
        if kind in {"like", "dislike"}:
            self._side = "dislike" if kind == "dislike" or (self._negation and kind == "like") else "like"
            self._announced, self._negation = True, ""
            self._at += length
        elif kind == "not":
            self._negation = " ".join(self._words[self._at : self._at + length])
            self._announced = False
            self._at += length
        elif kind in {"genre", "without"}:
            # To leave out what we leave out would be to ask for it: "not for adults" is for children.
            none = (kind == "without") != bool(self._negation) or self._side == "dislike"
            text = self._take(length)
            for genre in values:
                kind_of, label = ("genre_none", f"no {genre}") if none else ("genre_any", genre)
                self._note(kind_of, genre, text, label, genre)
            self._after_property()
        else:
            value, label = values
            number, text = float(value), self._take(length)
            if self._negation:
                number, label = OPPOSITES[kind, number]
            self._note(kind, number, text, label, kind)
            self._after_property()

    def _years(self, length: int, first: int | None, last: int | None) -> None:
        place, text = self._at, self._take(length)
        if self._negation and first is not None and last is not None:  # "not from the 80s": filters can't say that
            self._left += range(place, self._at)
            first = last = None
        elif self._negation:  # "nothing old"
            first, last = None if last is None else last + 1, None if first is None else first - 1
        if first is not None:
            self._note("year_min", first, text, f"{first} or later", place)
        if last is not None:
            self._note("year_max", last, text, f"{last} or earlier", place)
        self._after_property()

    def _after_property(self) -> None:
        """End a negation, unless the next property is joined to this one."""
        if self._at == len(self._tokens):
            return
        following = self._tokens[self._at]
        joined = following.word in _JOINERS and not (following.word == "and" and self._negation in BEFORE_ADJECTIVES)
        if not joined and not following.comma:
            self._negation = ""

    def _take(self, length: int) -> str:
        """Move on by some words, and return them as written."""
        taken = self._tokens[self._at : self._at + length]
        self._at += length
        return written(self._text, taken)

    def _note(
        self,
        kind: str,
        value: float | str,
        text: str,
        label: str,
        subject: int | str,
        choices: list[Choice] | None = None,
    ) -> None:
        part = {"kind": kind, "value": value, "text": text, "label": label, "choices": choices}
        self.noted.append((Part.model_validate(part), subject))


def _without_overruled(noted: Sequence[_Noted]) -> list[Part]:
    """The parts that count, in the order of the sentence."""
    years = [entry for entry in noted if entry[0].kind in {"year_min", "year_max"}]
    last = {subject: part for part, subject in noted if part.kind not in {"year_min", "year_max"}}
    counted = {id(part) for part in (*last.values(), *_combined_years(years))}
    return [part for part, _ in noted if id(part) in counted]


def _combined_years(noted: Sequence[_Noted]) -> list[Part]:
    """One lower and one upper end: "80s and 90s" is both decades, else the last of each end counts."""
    low: Part | None = None
    high: Part | None = None
    year = attrgetter("value")
    only_spans = True
    for _, group in groupby(noted, key=lambda entry: entry[1]):
        ends = {part.kind: part for part, _ in group}
        first, last = ends.get("year_min"), ends.get("year_max")
        only_spans = only_spans and first is not None and last is not None
        if only_spans and low and high and first and last:
            low, high = min(low, first, key=year), max(high, last, key=year)
            continue
        low, high = first or low, last or high
        if low and high and year(low) > year(high):
            low, high = first, last
    return [part for part in (low, high) if part]


def _wish(parts: Sequence[Part]) -> Wish:
    """The request that the parts make."""
    fields: dict[str, Any] = {part.kind: part.value for part in parts if part.kind not in _LISTS}
    for kind, name in _LISTS.items():
        fields[name] = [part.value for part in parts if part.kind == kind] or None
    filters = {name: fields.pop(name, None) for name in WishFilters.model_fields}
    return Wish.model_validate({**fields, "filters": filters if any(filters.values()) else None})
