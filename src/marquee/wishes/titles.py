"""Titles within a sentence: the longest match wins; of films of one name the year decides, else popularity."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from marquee.models.catalog import Catalog
from marquee.search import TitleIndex, fold
from marquee.search.text import Rows, without_brackets
from marquee.wishes.tokens import Token
from marquee.wishes.vocabulary import Vocabulary

MAX_WORDS = 30
_MAX_INEXACT = 6
_SHORTEST_RARE, _RARE = 5, 3  # letters, and films that have a word
_TELLING = {True: 2, False: 3}  # words, by whether a title is expected
_PLURALS = {"films", "movies"}  # what people like them for stands before
_SHORTEST = 4  # letters of a word that is taken for a title where nothing announces one


class Found(NamedTuple):
    """Number of words of a title, and the film's row."""

    length: int
    row: int


class Titles:
    """Finds titles among the words of sentences.

    Args:
        catalog: The films.
        index: Index of their titles.
        vocabulary: Words that are titles only where they are written as such.
    """

    def __init__(self, catalog: Catalog, index: TitleIndex, vocabulary: Vocabulary) -> None:
        self._catalog = catalog
        self._index = index
        self._vocabulary = vocabulary

    def at(self, tokens: Sequence[Token], start: int, *, announced: bool) -> Found | None:
        """The longest title that begins at a word.

        Args:
            tokens: The sentence.
            start: Where to look.
            announced: Whether a word before it, such as "like", lets one expect a title.
        """
        for length in range(min(MAX_WORDS, len(tokens) - start), 0, -1):
            words = tokens[start : start + length]
            rows = self._index.called(" ".join(token.word for token in words))
            if len(rows) == 0:
                continue
            row, with_year = self._by_year([int(row) for row in rows], tokens, start + length)
            if with_year or self._looks_like_one(tokens, start, length, announced=announced):
                return Found(length + with_year, row)
        return None

    def in_short(self, tokens: Sequence[Token], start: int, *, announced: bool) -> Found | None:
        """As `at`, for the beginning, the subtitle or a rare word of a title ("harry potter")."""
        for words in _without_pauses(tokens, start):
            # Enough words that mean nothing else: not "last year", which Marienbad goes on after.
            if len(words) == 1 or sum(word not in self._vocabulary.words for word in words) < _TELLING[announced]:
                break
            if found := self._found(self._index.known_by(words), tokens, start, len(words)):
                return found
        word = tokens[start].word
        if announced and len(word) >= _SHORTEST_RARE and word not in self._vocabulary.words:
            rows = self._index.with_word(word)
            if 0 < len(rows) <= _RARE:
                return Found(1, int(rows[0]))
        return None

    def misspelt(self, tokens: Sequence[Token], start: int) -> Found | None:
        """As `at`, for a misspelt title; only where a title is expected."""
        for words in _without_pauses(tokens, start):
            if self._only_known_words(words) or words[-1] in _PLURALS:
                continue
            if found := self._found(self._index.nearly_called(" ".join(words)), tokens, start, len(words)):
                return found
        return None

    def label(self, row: int) -> str:
        """A name of the film by which the same film is found."""
        full = self._catalog.titles[row]
        short = without_brackets(full)
        year = int(self._catalog.years[row])
        name = short if self._first_called(short, year) == row else full
        return f"{name} ({year})" if year else f'"{name}"'

    def _first_called(self, name: str, year: int) -> int | None:
        rows = [int(row) for row in self._index.called(fold(name))]
        return next((row for row in rows if not year or int(self._catalog.years[row]) == year), None)

    def _found(self, rows: Rows, tokens: Sequence[Token], start: int, length: int) -> Found | None:
        if len(rows) == 0:
            return None
        row, with_year = self._by_year([int(row) for row in rows], tokens, start + length)
        return Found(length + with_year, row)

    def _by_year(self, rows: Sequence[int], tokens: Sequence[Token], after: int) -> tuple[int, int]:
        """The film of the year that follows, and 1; or the first, and 0."""
        if after < len(tokens):
            following = tokens[after]
            if following.word.isdecimal() and (following.bracket or not following.comma):
                for row in rows:
                    if following.word == str(self._catalog.years[row]):
                        return row, 1
        return rows[0], 0

    def _looks_like_one(self, tokens: Sequence[Token], start: int, length: int, *, announced: bool) -> bool:
        words = [token.word for token in tokens[start : start + length]]
        first = tokens[start]
        if first.quote:
            return True
        if self._only_known_words(words):
            if length == 1:  # "something like It", but not "I like Horror"
                return announced and first.capital and not self._vocabulary.at(tuple(words), 0)[0]
            return announced or all(token.capital for token in tokens[start : start + length])
        if length > 1 or announced:
            return True
        return first.capital or (len(words[0]) >= _SHORTEST and self._stands_alone(tokens, start))

    def _only_known_words(self, words: Sequence[str]) -> bool:
        return all(word in self._vocabulary.words for word in words)

    def _stands_alone(self, tokens: Sequence[Token], at: int) -> bool:
        """Whether a word is all that stands between two pauses, as in "inception, heat and casablanca"."""
        after = tokens[at + 1 : at + 2]
        before = at == 0 or tokens[at].comma or tokens[at].sentence or tokens[at - 1].word in {"and", "or"}
        return before and (not after or after[0].comma or after[0].sentence or after[0].word in {"and", "or", "but"})


def _without_pauses(tokens: Sequence[Token], start: int) -> Iterator[list[str]]:
    """The words from `start` on without a pause between them, the longest list first."""
    for length in range(min(_MAX_INEXACT, len(tokens) - start), 0, -1):
        words = tokens[start : start + length]
        if not any(token.sentence or token.comma for token in words[1:]):
            yield [token.word for token in words]
