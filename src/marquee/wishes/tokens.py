"""A sentence as words with their places."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from marquee.search import fold

_WORD = re.compile(r"[^\W_]+|&")
_SENTENCE_ENDS = re.compile(r"[.!?;\n](\s|$)")
_PAUSES = re.compile(r"[,;()]|\s[-–—]\s")
_QUOTES = tuple('"“”„«»')


@dataclass(frozen=True)
class Token:
    """A word.

    Attributes:
        word: Folded, as titles are.
        start: Where it begins in the text.
        end: Where it ends.
        comma: Whether a comma or the like stands before it.
        sentence: Whether it begins a sentence.
        bracket: Whether an opening bracket stands right before it.
        quote: Whether a quotation mark stands right before it.
        capital: Whether it is written with a capital or is a number, and doesn't begin a sentence.
    """

    word: str
    start: int
    end: int
    comma: bool = False
    sentence: bool = False
    bracket: bool = False
    quote: bool = False
    capital: bool = False


def tidy(text: str) -> str:
    """The text in composed form, since letters and their accents must not be apart."""
    return unicodedata.normalize("NFC", text)


def tokens_of(text: str) -> list[Token]:
    """The words of a tidy text."""
    found: list[Token] = []
    before = 0
    for match in _WORD.finditer(text):
        word = fold(match[0]).replace(" ", "")
        if not word:
            continue
        gap = text[before : match.start()]
        begins = not found or _SENTENCE_ENDS.search(gap) is not None
        found.append(
            Token(
                word,
                match.start(),
                match.end(),
                comma=_PAUSES.search(gap) is not None,
                sentence=begins,
                bracket=gap.endswith("("),
                quote=gap.endswith(_QUOTES),
                capital=not begins and match[0][0].isupper(),
            )
        )
        before = match.end()
    return found


def written(text: str, tokens: Sequence[Token]) -> str:
    """What stands in the text from the first to the last of some tokens."""
    end = tokens[-1].end
    return text[tokens[0].start : end + (tokens[-1].bracket and text[end : end + 1] == ")")]
