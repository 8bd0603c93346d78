"""What a film is called: its title, and the names that stand in brackets within it."""

import re

from marquee.search.fold import fold, without_articles

_BRACKETS = re.compile(r"\(([^()]*)\)")
_AKA = re.compile(r"^\s*a\.?k\.?a\.?\s+", re.IGNORECASE)
_OR = re.compile(r",? or$", re.IGNORECASE)  # "Dr. Strangelove or: How I ..."
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii")


def names_of(title: str) -> set[str]:
    """Folded names without articles: "Seven (a.k.a. Se7en)" is called "seven a k a se7en", "seven" and "se7en"."""
    parts = [title, _BRACKETS.sub(" ", title), *(_AKA.sub("", part) for part in _BRACKETS.findall(title))]
    return {" ".join(without_articles(words)) for part in parts if (words := fold(part).split())}


def without_brackets(title: str) -> str:
    """The title alone, as a person would say it: "Seven"; all of it where there is nothing else."""
    return " ".join(_BRACKETS.sub(" ", title).split()) or title


def series_of(title: str) -> str:
    """What stands before a colon, folded, without articles: "Star Wars: Episode IV" is of "star wars"; "" if none."""
    before, colon, _ = _BRACKETS.sub(" ", title).partition(":")
    return " ".join(without_articles(fold(_OR.sub("", before)).split())) if colon else ""


def numerals(word: str) -> tuple[str, ...]:
    """The number of a sequel as it might be written otherwise: "2" as "ii", and the other way round."""
    if word in _ROMAN:
        return (str(_ROMAN.index(word) + 1),)
    if word.isdecimal() and 1 <= int(word) <= len(_ROMAN):
        return (_ROMAN[int(word) - 1],)
    return ()
