"""What a film is called: its title, and the names that stand in brackets within it."""

import re
from itertools import groupby

from marquee.search.text import fold, without_articles

_BRACKETS = re.compile(r"\(([^()]*)\)")
_AKA = re.compile(r"^\s*a\.?k\.?a\.?\s+", re.IGNORECASE)
_OR = re.compile(r",? or$", re.IGNORECASE)  # "Dr. Strangelove or: How I ..."
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii")
_IN_WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen".split()
_IN_SHORT = {
    "doctor": "dr",
    "mister": "mr",
    "missus": "mrs",
    "saint": "st",
    "mount": "mt",
    "volume": "vol",
    "versus": "vs",
}
_IN_FULL = {short: full for full, short in _IN_SHORT.items()}
_WORDS_FOR_INITIALS = 4
_SUBTITLE = re.compile(r": | - | – ")


def names_of(title: str) -> set[str]:
    """Folded names without articles: "Seven (a.k.a. Se7en)" is called "seven a k a se7en", "seven" and "se7en"."""
    parts = [title, _BRACKETS.sub(" ", title), *(_AKA.sub("", part) for part in _BRACKETS.findall(title))]
    return {" ".join(without_articles(words)) for part in parts if (words := fold(part).split())}


def without_brackets(title: str) -> str:
    """The title alone, as a person would say it: "Seven"; all of it where there is nothing else."""
    return " ".join(_BRACKETS.sub(" ", title).split()) or title


def series_of(title: str) -> str:
    """What stands before a colon, folded, without articles: "Star Wars: Episode IV" is of "star wars"; "" if none."""
    before, colon, _ = _BRACKETS.sub(" ", title).partition(": ")
    return " ".join(without_articles(fold(_OR.sub("", before)).split())) if colon else ""


def subtitles_of(title: str) -> set[str]:
    """What stands behind a colon or a dash, folded, without articles: "empire strikes back"."""
    parts = (fold(part).split() for part in _SUBTITLE.split(_BRACKETS.sub(" ", title))[1:])
    return {" ".join(without_articles(words)) for words in parts if words}


def initials_of(title: str) -> set[str]:
    """What a title is called in short: "et" of "E.T. the Extra-Terrestrial", "lotr" of "The Lord of the Rings: ..."."""
    series = series_of(title).split()
    of_series = {"".join(word[0] for word in series)} if len(series) >= _WORDS_FOR_INITIALS else set()
    runs = groupby(fold(title).split(), key=lambda word: len(word) == 1 and word.isalpha())
    return of_series | {joined for single, run in runs if single and len(joined := "".join(run)) > 1}


def written_otherwise(word: str) -> tuple[str, ...]:
    """How else a word might be written: "2" as "ii" or "two", "doctor" as "dr", and the other way round."""
    if word in _ROMAN:
        return (str(_ROMAN.index(word) + 1),)
    if word in _IN_WORDS:
        return (str(_IN_WORDS.index(word) + 1),)
    if word.isdecimal() and word[0] != "0" and int(word) <= len(_ROMAN):
        return (_ROMAN[int(word) - 1], _IN_WORDS[int(word) - 1])
    other = _IN_SHORT.get(word) or _IN_FULL.get(word)
    return (other,) if other else ()
