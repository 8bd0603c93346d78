"""Text as it is compared: without case, accents, punctuation, or articles at its ends."""

import unicodedata

ARTICLES = frozenset("the a an le la les un une il lo el los las der die das den det de het".split())
_FIRST_COMBINING = "\u0300"


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
