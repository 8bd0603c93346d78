"""Parser of wishes: reads a sentence from left to right, at each word the longest phrase that begins there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Literal

from marquee.models.catalog import Catalog
from marquee.search import TitleIndex
from marquee.wishes.contracts import Part, Understood, Wish, WishFilters
from marquee.wishes.titles import Found, Titles
from marquee.wishes.tokens import Token, tidy, tokens_of, written
from marquee.wishes.vocabulary import BEFORE_ADJECTIVES, FILLERS, OPPOSITES, Vocabulary
from marquee.wishes.years import Span, years_at

_MAX_GUESSES = 4  # each takes milliseconds
_JOINERS = {"and", "or", "nor", "plus"}

# A part and its subject: a film's id, a genre, a dial's name, or, for years, the place in the sentence, which both ends
# of a span share. Of several parts of one subject the last counts, as when people correct themselves.
_Noted = tuple[Part, int | str]


@dataclass
class _State:
    """State of the parser at a word of the sentence.

    Attributes:
        side: Whether the next title is a liked or disliked film.
        announced: Whether a title is expected.
        negation: The word that negates what follows; "" without.
        guesses: Number of look-ups of misspelt titles.
        noted: The parts understood.
        left: Indices of the words not understood.
    """

    text: str
    tokens: list[Token]
    words: tuple[str, ...]
    at: int = 0
    side: Literal["like", "dislike"] = "like"
    announced: bool = False
    negation: str = ""
    guesses: int = 0
    noted: list[_Noted] = field(default_factory=list)
    left: list[int] = field(default_factory=list)

    def take(self, length: int) -> str:
        """Move on by some words, and return them as written."""
        taken = self.tokens[self.at : self.at + length]
        self.at += length
        return written(self.text, taken)

    def note(self, kind: str, value: float | str, text: str, label: str, subject: int | str) -> None:
        """Add a part."""
        self.noted.append((Part.model_validate({"kind": kind, "value": value, "text": text, "label": label}), subject))


class Reader:
    """Parser of wishes about the films of one catalogue.

    Args:
        catalog: The films.
        index: Index of their titles.
        version: The model version that answers name.
    """

    def __init__(self, catalog: Catalog, index: TitleIndex, version: str) -> None:
        self._catalog = catalog
        self._vocabulary = Vocabulary(catalog)
        self._titles = Titles(catalog, index, self._vocabulary)
        self._newest = int(catalog.years.max(initial=0))
        self._version = version

    def read(self, text: str) -> Understood:
        """Parse a sentence. Never raises: what makes no sense is among `not_understood`."""
        text = tidy(text)
        tokens = tokens_of(text)
        state = self._scan(_State(text, tokens, tuple(token.word for token in tokens)))
        if not state.noted and tokens and tokens[0].word not in FILLERS:
            # Nothing understood: perhaps it begins with a title that is misspelt or incomplete.
            again = _State(text, tokens, state.words, announced=True)
            found = self._titles.in_short(tokens, 0, announced=True) or self._misspelt(again)
            if found and (found.length > 1 or len(tokens) == 1):
                self._film(again, found.length, found.row)
                state = self._scan(again)
        parts = _without_overruled(state.noted)
        return Understood(
            request=_wish(parts), parts=parts, not_understood=_not_understood(state), model_version=self._version
        )

    def _scan(self, state: _State) -> _State:
        while state.at < len(state.tokens):
            self._step(state)
        return state

    def _step(self, state: _State) -> None:
        self._pause(state)
        length, meaning = self._vocabulary.at(state.words, state.at)
        span = years_at(state.words, state.at, self._newest)
        announced = state.announced or state.negation in {"not", "but not", "except"}
        title = self._titles.at(state.tokens, state.at, announced=announced)
        short = self._titles.in_short(state.tokens, state.at, announced=announced)
        if short and (title is None or short.length > title.length):
            title = short
        known = max(length, span.length if span else 0)
        if title and (title.length > known or (title.length == known and (state.announced or not span))):
            self._film(state, title.length, title.row)
        elif span and span.length >= length:
            self._years(state, span)
        elif length:
            self._phrase(state, length, meaning)
        elif near := self._misspelt(state):
            self._film(state, near.length, near.row)
        else:
            word = state.words[state.at]
            if word not in FILLERS:
                state.announced = False
            if word == "but":
                state.negation = ""
            state.left.append(state.at)
            state.at += 1

    def _misspelt(self, state: _State) -> Found | None:
        if not state.announced or state.words[state.at] in FILLERS or state.guesses == _MAX_GUESSES:
            return None
        state.guesses += 1
        return self._titles.misspelt(state.tokens, state.at)

    def _pause(self, state: _State) -> None:
        """End what a comma or the end of a sentence ends."""
        token = state.tokens[state.at]
        if token.sentence:
            state.side, state.announced, state.negation = "like", False, ""
        elif token.comma and state.negation and not self._list_goes_on(state):
            state.negation = ""

    def _list_goes_on(self, state: _State) -> bool:
        """Whether "no horror, war or musicals" goes on after the comma: genres only, and an "or" before the last."""
        at = state.at
        while at < len(state.words):
            length, meaning = self._vocabulary.at(state.words, at)
            if not length or meaning[0] != "genre":
                return False
            at += length
            if state.words[at : at + 1] in {("or",), ("nor",)}:
                return True
            if at >= len(state.tokens) or not state.tokens[at].comma:
                return False
        return False

    def _film(self, state: _State, length: int, row: int) -> None:
        side = "dislike" if state.negation else state.side
        text = state.take(length)
        movie = int(self._catalog.movie_ids[row])
        label = f"{'not ' if side == 'dislike' else ''}like {self._titles.label(row)}"
        state.note(side, movie, text, label, movie)
        state.announced = state.words[state.at : state.at + 1] != ("but",)
        self._after_property(state)

    def _phrase(self, state: _State, length: int, meaning: tuple[str, ...]) -> None:
        kind, *values = meaning
        if kind in {"like", "dislike"}:
            state.side = "dislike" if kind == "dislike" or (state.negation and kind == "like") else "like"
            state.announced, state.negation = True, ""
            state.at += length
        elif kind == "not":
            state.negation = " ".join(state.words[state.at : state.at + length])
            state.announced = False
            state.at += length
        elif kind in {"genre", "without"}:
            # To leave out what we leave out would be to ask for it: "not for adults" is for children.
            none = (kind == "without") != bool(state.negation) or state.side == "dislike"
            text = state.take(length)
            for genre in values:
                kind_of, label = ("genre_none", f"no {genre}") if none else ("genre_any", genre)
                state.note(kind_of, genre, text, label, genre)
            self._after_property(state)
        else:
            value, label = values
            number, text = float(value), state.take(length)
            if state.negation:
                number, label = OPPOSITES[kind, number]
            state.note(kind, number, text, label, kind)
            self._after_property(state)

    def _years(self, state: _State, span: Span) -> None:
        first, last = span.first, span.last
        if state.negation and first is not None and last is not None:  # "not from the 80s": filters can't say that
            state.left += range(state.at, state.at + span.length)
            state.at += span.length
            self._after_property(state)
            return
        if state.negation:  # "nothing old"
            first, last = None if last is None else last + 1, None if first is None else first - 1
        place, text = state.at, state.take(span.length)
        if first is not None:
            state.note("year_min", first, text, f"{first} or later", place)
        if last is not None:
            state.note("year_max", last, text, f"{last} or earlier", place)
        self._after_property(state)

    def _after_property(self, state: _State) -> None:
        """End a negation, unless the next property is joined to this one."""
        if state.at == len(state.tokens):
            return
        following = state.tokens[state.at]
        joined = following.word in _JOINERS and not (following.word == "and" and state.negation in BEFORE_ADJECTIVES)
        if not joined and not following.comma:
            state.negation = ""


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
    one = {part.kind: part.value for part in parts}

    def every(kind: str) -> list[object] | None:
        return [part.value for part in parts if part.kind == kind] or None

    filters = {
        "genres_any": every("genre_any"),
        "genres_none": every("genre_none"),
        "year_min": one.get("year_min"),
        "year_max": one.get("year_max"),
    }
    return Wish.model_validate(
        {
            "movie_ids": every("like"),
            "disliked_movie_ids": every("dislike"),
            "filters": WishFilters.model_validate(filters) if any(filters.values()) else None,
            "novelty": one.get("novelty"),
            "diversity": one.get("diversity"),
        }
    )


def _not_understood(state: _State) -> list[str]:
    """Runs of words that were not understood, without fillers at both ends."""
    runs: list[list[int]] = []
    for at in state.left:
        pause = state.tokens[at].comma or state.tokens[at].sentence
        if runs and runs[-1][-1] == at - 1 and not pause:
            runs[-1].append(at)
        else:
            runs.append([at])
    contents = ([at for at in run if state.words[at] not in FILLERS] for run in runs)
    return [written(state.text, state.tokens[run[0] : run[-1] + 1]) for run in contents if run]
