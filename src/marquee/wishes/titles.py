"""Titles within a sentence: the longest match wins; of films of one name the year decides, else popularity."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from marquee.models import Rows
from marquee.models.catalog import Catalog
from marquee.search import TitleIndex, fold
from marquee.search.text import without_brackets
from marquee.wishes.tokens import Token
from marquee.wishes.vocabulary import ADJECTIVES, NATIONALITIES, Vocabulary

MAX_WORDS = 30
_MAX_INEXACT = 6
_SHORTEST_RARE, _RARE = 5, 3  # letters, and films that have a word
_TELLING = {True: 2, False: 3}  # words, by whether a title is expected
_PLURALS = {"films", "movies"}  # what people like them for stands before
_SHORTEST = 4  # letters of a word that is taken for a title where nothing announces one
_BETTER_KNOWN, _MOST_CHOICES = 5, 4


class Found(NamedTuple):
    """A title in a sentence: the number of its words, the film's row, and all it can mean where that is a guess."""

    length: int
    row: int
    choices: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Titles:
    """Finds titles among the words of sentences; words of the vocabulary are titles only where written as such."""

    catalog: Catalog
    index: TitleIndex
    vocabulary: Vocabulary

    def at(self, tokens: Sequence[Token], start: int, *, announced: bool) -> Found | None:
        """The longest title that begins at a word; `announced` if a word before, such as "like", lets one expect it."""
        for length in range(min(MAX_WORDS, len(tokens) - start), 0, -1):
            words = tokens[start : start + length]
            name = " ".join(token.word for token in words)
            rows = self.index.called(name)
            found = self._found(rows, tokens, start, length, self._contenders(self.index.namesakes(name), rows))
            if found and (found.length > length or self._looks_like_one(tokens, start, length, announced=announced)):
                return found
        return None

    def in_short(self, tokens: Sequence[Token], start: int, *, announced: bool) -> Found | None:
        """As `at`, for the beginning, the subtitle or a rare word of a title ("harry potter")."""
        for words in _without_pauses(tokens, start):
            # Enough words that mean nothing else: not "last year", which Marienbad goes on after.
            if len(words) == 1 or sum(word not in self.vocabulary.words for word in words) < _TELLING[announced]:
                break
            rows = self.index.known_by(words)
            if found := self._found(rows, tokens, start, len(words), self._contenders(rows, rows)):
                return found
        word = tokens[start].word
        unknown = word not in self.vocabulary.words and not _describes(tokens[start])
        if announced and len(word) >= _SHORTEST_RARE and unknown:
            rows = self.index.with_word(word)
            if 0 < len(rows) <= _RARE:
                return Found(1, int(rows[0]), self._contenders(rows, rows))
        return None

    def misspelt(self, tokens: Sequence[Token], start: int) -> Found | None:
        """As `at`, for a misspelt title; only where a title is expected."""
        for words in _without_pauses(tokens, start):
            if (
                self._only_known_words(words)
                or words[-1] in _PLURALS
                or (len(words) == 1 and _describes(tokens[start]))
            ):
                continue
            rows = self.index.nearly_called(" ".join(words))
            if found := self._found(rows, tokens, start, len(words), tuple(rows[:_MOST_CHOICES].tolist())):
                return found
        return None

    def label(self, row: int) -> str:
        """A name of the film by which the same film is found."""
        full = self.catalog.titles[row]
        short = without_brackets(full)
        year = int(self.catalog.years[row])
        namesakes = self.index.called(fold(short))
        first = next((other for other in namesakes if not year or int(self.catalog.years[other]) == year), None)
        name = short if first == row else full
        return f"{name} ({year})" if year else f'"{name}"'

    def _contenders(self, alike: Rows, rows: Rows) -> tuple[int, ...]:
        """Those of the films alike that are about as well known as the first of `rows`; none if that stands alone.

        A film that nobody likes is a guess too: there may be another one of its name which the catalogue lacks.
        """
        likes = self.catalog.popularity
        if len(alike) == 0 or rows[0] != alike[0]:  # a series, or initials
            return ()
        near = alike[_BETTER_KNOWN * likes[alike] >= likes[alike[0]]][:_MOST_CHOICES]
        return tuple(near.tolist()) if len(near) > 1 or likes[near[0]] == 0 else ()

    def _found(
        self, rows: Rows, tokens: Sequence[Token], start: int, length: int, choices: tuple[int, ...]
    ) -> Found | None:
        """The first of the rows, or the one of the year that follows, which then is part of the title."""
        if len(rows) == 0:
            return None
        for following in tokens[start + length : start + length + 1]:
            if following.word.isdecimal() and (following.bracket or not following.comma):
                for row in rows:
                    if following.word == str(self.catalog.years[row]):
                        return Found(length + 1, int(row))
        return Found(length, int(rows[0]), choices)

    def _looks_like_one(self, tokens: Sequence[Token], start: int, length: int, *, announced: bool) -> bool:
        words = [token.word for token in tokens[start : start + length]]
        first = tokens[start]
        if first.quote:
            return True
        if length == 1 and _describes(first):
            return False
        if self._only_known_words(words):
            if length == 1:  # "something like It", but not "I like Horror"
                return announced and first.capital and not self.vocabulary.at(tuple(words), 0)[0]
            return announced or all(token.capital for token in tokens[start : start + length])
        if length > 1 or announced:
            return True
        return first.capital or (len(words[0]) >= _SHORTEST and self._stands_alone(tokens, start))

    def _only_known_words(self, words: Sequence[str]) -> bool:
        return all(word in self.vocabulary.words for word in words)

    def _stands_alone(self, tokens: Sequence[Token], at: int) -> bool:
        """Whether a word is all that stands between two pauses, as in "inception, heat and casablanca"."""
        after = tokens[at + 1 : at + 2]
        before = at == 0 or tokens[at].comma or tokens[at].sentence or tokens[at - 1].word in {"and", "or"}
        return before and (not after or after[0].comma or after[0].sentence or after[0].word in {"and", "or", "but"})


def _describes(token: Token) -> bool:
    """Whether a word describes films rather than names one: "American", which isn't *The American*."""
    return token.word in NATIONALITIES or (token.word in ADJECTIVES and not token.capital)


def _without_pauses(tokens: Sequence[Token], start: int) -> Iterator[list[str]]:
    """The words from `start` on without a pause between them, the longest list first."""
    for length in range(min(_MAX_INEXACT, len(tokens) - start), 0, -1):
        words = tokens[start : start + length]
        if not any(token.sentence or token.comma for token in words[1:]):
            yield [token.word for token in words]
