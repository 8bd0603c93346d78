"""Reads a sentence from left to right: at each word the longest thing that it can be the beginning of."""

from dataclasses import dataclass, field
from typing import Literal

from marquee.models.catalog import Catalog
from marquee.search import TitleIndex
from marquee.wishes.assemble import Noted, settled, wish_of
from marquee.wishes.contracts import Part, Understood
from marquee.wishes.titles import Found, Titles
from marquee.wishes.tokens import Token, tidy, tokens_of, written
from marquee.wishes.vocabulary import BEFORE_ADJECTIVES, FILLERS, OPPOSITES, Vocabulary
from marquee.wishes.years import Span, years_at

_MAX_GUESSES = 4  # each takes milliseconds
_JOINERS = {"and", "or", "nor", "plus"}


@dataclass
class _State:
    """How far a sentence was read, and what the words so far make of those that follow.

    Attributes:
        side: What titles are now.
        announced: Whether a title is to be expected.
        negation: The word that turns what follows around; "" = none.
        guesses: How often a misspelt title was looked for.
        noted: What was understood.
        left: Places of words that nothing was made of.
    """

    text: str
    tokens: list[Token]
    words: tuple[str, ...]
    at: int = 0
    side: Literal["like", "dislike"] = "like"
    announced: bool = False
    negation: str = ""
    guesses: int = 0
    noted: list[Noted] = field(default_factory=list)
    left: list[int] = field(default_factory=list)

    def take(self, length: int) -> str:
        """Move on, and the words that were taken."""
        taken = self.tokens[self.at : self.at + length]
        self.at += length
        return written(self.text, taken)

    def note(self, kind: str, value: float | str, text: str, label: str, about: int | str) -> None:
        """Add what was understood."""
        part = Part.model_validate({"kind": kind, "value": value, "text": text, "label": label})
        self.noted.append(Noted(part, about))


class Reader:
    """Understands wishes about the films of one catalogue.

    Args:
        catalog: The films.
        index: Of the same films.
        version: What the answer says it was made with.
    """

    def __init__(self, catalog: Catalog, index: TitleIndex, version: str) -> None:
        self._catalog = catalog
        self._vocabulary = Vocabulary(catalog)
        self._titles = Titles(catalog, index, self._vocabulary)
        self._newest = int(catalog.years.max(initial=0))
        self._version = version

    def read(self, text: str) -> Understood:
        """What a sentence asks for. Never raises: what makes no sense is among `not_understood`."""
        text = tidy(text)
        tokens = tokens_of(text)
        state = self._scan(_State(text, tokens, tuple(token.word for token in tokens)))
        if not state.noted and tokens and tokens[0].word not in FILLERS:
            # Nothing at all: perhaps it begins with a title that is misspelt or not complete.
            again = _State(text, tokens, state.words, announced=True)
            found = self._titles.in_short(tokens, 0, announced=True) or self._misspelt(again)
            if found and (found.length > 1 or len(tokens) == 1):
                self._film(again, found.length, found.row)
                state = self._scan(again)
        parts = settled(state.noted)
        return Understood(
            request=wish_of(parts),
            parts=parts,
            not_understood=_runs(state),
            model_version=self._version,
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
        """What a comma or the end of a sentence ends."""
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
        """A negation holds for one thing, and for what is joined to it."""
        following = state.words[state.at : state.at + 1]
        pause = state.at < len(state.tokens) and state.tokens[state.at].comma
        joined = following and following[0] in _JOINERS
        if joined and following[0] == "and" and state.negation in BEFORE_ADJECTIVES:
            joined = False
        if not joined and not pause:
            state.negation = ""


def _runs(state: _State) -> list[str]:
    """Neighbouring words that nothing was made of, without those at both ends that mean nothing by themselves."""
    runs: list[list[int]] = []
    for at in state.left:
        pause = state.tokens[at].comma or state.tokens[at].sentence
        if runs and runs[-1][-1] == at - 1 and not pause:
            runs[-1].append(at)
        else:
            runs.append([at])
    told = []
    for run in runs:
        content = [at for at in run if state.words[at] not in FILLERS]
        if content:
            told.append(written(state.text, state.tokens[content[0] : content[-1] + 1]))
    return told
