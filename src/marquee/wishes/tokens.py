"""Tokenizer: the words of a sentence, with their places and the punctuation before them."""

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
    """A folded word, its place in the text, and how it is written."""

    word: str
    start: int
    end: int
    comma: bool  # a comma, dash or bracket precedes it
    sentence: bool  # it begins a sentence
    bracket: bool  # an opening bracket immediately precedes it
    quote: bool  # a quotation mark immediately precedes it
    capital: bool  # it has a capital letter that isn't due to the beginning of a sentence


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
