"""Years in words: "after 2000", "the eighties", "between 1990 and 2005", "recent"."""

from typing import NamedTuple

Words = tuple[str, ...]
FIRST, LAST = 1870, 2100
RECENT_YEARS = 10
OLD_BEFORE = 1980

OLDEST_CHILD, A_FEW = 12, 5

_NUMBERS = {word: number for number, word in enumerate("two three four five six seven eight nine ten".split(), 2)}
_NUMBERS |= {"eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "few": A_FEW}
# Before and after a number of years.
_WITHIN = (("last",), ("past",), ("not", "older", "than"), ("no", "older", "than"), ("newer", "than"), ("less", "than"))
_BEYOND = (("older", "than"), ("more", "than"), ("at", "least"), ("over",))
_DECADES = {"twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60, "seventies": 70}
_DECADES |= {"eighties": 80, "nineties": 90}
_AFTER = (("after",), ("newer", "than"), ("later", "than"), ("younger", "than"), ("more", "recent", "than"), ("post",))
_SINCE = (("since",), ("starting",), ("not", "before"), ("not", "older", "than"), ("at", "least"))
_BEFORE = (("before",), ("older", "than"), ("earlier", "than"), ("prior", "to"), ("pre",))
_UNTIL = (("until",), ("till",), ("up", "to"), ("to",), ("not", "after"), ("by",), ("not", "newer", "than"))
_IN = (("in",), ("from",), ("of",), ("the", "year"), ("made", "in"), ("released", "in"))
_OR_LATER = (
    ("or", "later"),
    ("or", "newer"),
    ("or", "after"),
    ("and", "later"),
    ("onwards",),
    ("onward",),
    ("and", "up"),
)
_OR_EARLIER = (("or", "earlier"), ("or", "older"), ("or", "before"), ("and", "earlier"))
_RECENT = (("recent",), ("newer",), ("modern",), ("latest",), ("contemporary",), ("brand", "new"), ("recently", "made"))
_OLD = (("old",), ("older",), ("classic",), ("classics",), ("vintage",), ("old", "school"), ("golden", "age"))


class Span(NamedTuple):
    """Years that were understood.

    Attributes:
        length: How many words it took.
        first: The first year, or None.
        last: The last year, or None.
    """

    length: int
    first: int | None
    last: int | None


def years_at(words: Words, start: int, newest: int) -> Span | None:
    """The years that begin at a word; None if there are none.

    Args:
        words: Of the sentence, folded.
        start: Where to look.
        newest: The catalogue's newest year, which "recent" goes by.
    """
    rest = words[start : start + 8]
    of_an_age = words[max(0, start - 1) : start] in {("year",), ("years",)}  # "15 year old" is no old film
    by_words = None if of_an_age else _by_words(rest, newest)
    return _lately(rest, newest) or _from_to(rest) or _one_sided(rest) or _decades(rest) or by_words or _bare(rest)


def is_child(words: Words) -> bool:
    """Whether three words are such as "8 year old", of a child."""
    return words[1:] in {("year", "old"), ("year", "olds")} and 0 < (_count(words[:1]) or 0) <= OLDEST_CHILD


def _lately(rest: Words, newest: int) -> Span | None:
    """Such as "the last ten years", "from the past decade", "not older than 5 years", "older than 20 years"."""
    at = int(rest[:1] in {("in",), ("from",), ("of",), ("within",)})
    at += rest[at : at + 1] == ("the",)
    for words in (*_WITHIN, *_BEYOND):
        end = at + len(words)
        if rest[at:end] != words:
            continue
        if words in {("last",), ("past",)} and rest[end : end + 1] == ("decade",):
            return Span(end + 1, newest - 9, None) if newest else None
        count = _count(rest[end : end + 1])
        end += 1
        if not newest or count is None or not 0 < count < 100 or rest[end : end + 1] not in {("year",), ("years",)}:
            return None
        end += 1 + (rest[end + 1 : end + 2] == ("old",))
        return Span(end, newest - count + 1, None) if words in _WITHIN else Span(end, None, newest - count)
    return None


def _count(words: Words) -> int | None:
    word = "".join(words)
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 4 else _NUMBERS.get(word)


def _from_to(rest: Words) -> Span | None:
    """Such as "between 1990 and 2005", "from 1990 to 2005", "1990-2005"."""
    begin = 1 if rest[:1] in {("between",), ("from",)} else 0
    if (first := _year(rest[begin : begin + 1])) is None:
        return None
    end = begin + 1
    joined = rest[end : end + 1] in {("and",), ("to",), ("until",), ("till",), ("through",)}
    if joined and begin == 0 and rest[end] == "and":
        return None  # "1990 and 2005" are two years
    if (last := _year(rest[end + joined : end + joined + 1])) is None:
        return None
    return Span(end + joined + 1, min(first, last), max(first, last))


def _one_sided(rest: Words) -> Span | None:
    for words, first_by, last_by in (
        *((words, 1, None) for words in _AFTER),
        *((words, 0, None) for words in _SINCE),
        *((words, None, -1) for words in _BEFORE),
        *((words, None, 0) for words in _UNTIL),
        *((words, 0, 0) for words in _IN),
    ):
        at = len(words)
        if rest[:at] != words:
            continue
        at += rest[at : at + 1] == ("the",)
        at += rest[at : at + 1] == ("year",)
        if decade := _decade(rest[at:]):
            # "after the 80s" is after all of them, "before the 80s" before any.
            edge_first = decade.last if first_by == 1 else decade.first
            edge_last = decade.first if last_by == -1 else decade.last
            return _span(at + decade.length, edge_first, edge_last, first_by, last_by)
        if (year := _year(rest[at : at + 1])) is not None:
            at += 1
            later = _length_of(_OR_LATER if words != ("from",) else (*_OR_LATER, ("on",)), rest[at:])
            # "from 1999" is that year alone, "from 1999 on" isn't.
            return _span(at + later, year, year, first_by, None if later and first_by is not None else last_by)
    return None


def _span(length: int, first: int | None, last: int | None, first_by: int | None, last_by: int | None) -> Span | None:
    low = None if first_by is None or first is None else first + first_by
    high = None if last_by is None or last is None else last + last_by
    fits = all(year is None or FIRST <= year <= LAST for year in (low, high))
    return Span(length, low, high) if fits else None


def _decades(rest: Words) -> Span | None:
    """A decade, also such as "1980s or newer"."""
    decade = _decade(rest)
    return decade and _opened(decade, rest)


def _opened(span: Span, rest: Words) -> Span:
    """The same, open to the side that is named behind it: "or later", "or earlier"."""
    at, first, last = span
    if later := _length_of(_OR_LATER, rest[at:]):
        return Span(at + later, first, None)
    if earlier := _length_of(_OR_EARLIER, rest[at:]):
        return Span(at + earlier, None, last)
    return span


def _length_of(phrases: tuple[Words, ...], rest: Words) -> int:
    """How many words the first of the phrases takes with which the rest begins; 0 if it begins with none."""
    return next((len(words) for words in phrases if rest[: len(words)] == words), 0)


def _decade(rest: Words) -> Span | None:
    """Such as "90s", "the 1990s", "80's", "eighties", "early 90s", "late sixties"."""
    at = int(rest[:1] == ("the",))
    part = rest[at] if rest[at : at + 1] in {("early",), ("mid",), ("late",)} else ""
    at += bool(part)
    word, following = (*rest[at : at + 2], "", "")[:2]
    if word in _DECADES:
        digits = str(_DECADES[word])
    elif word.endswith("s") and word[:-1].isdecimal():
        digits = word[:-1]
    elif word.isdecimal() and following == "s":
        digits, at = word, at + 1
    else:
        return None
    if not digits.isascii() or len(digits) not in {2, 4} or digits[-1] != "0":
        return None
    first = int(digits) if len(digits) == 4 else int(digits) + (2000 if digits in {"00", "10"} else 1900)
    if not FIRST <= first <= LAST - 9:
        return None
    low, high = {"early": (0, 4), "mid": (3, 6), "late": (5, 9)}.get(part, (0, 9))
    return Span(at + 1, first + low, first + high)


def _by_words(rest: Words, newest: int) -> Span | None:
    for words in sorted(_RECENT, key=len, reverse=True):
        if rest[: len(words)] == words and newest:
            return Span(len(words), newest - RECENT_YEARS + 1, None)
    for words in sorted(_OLD, key=len, reverse=True):
        if rest[: len(words)] == words:
            return Span(len(words), None, OLD_BEFORE - 1)
    return None


def _bare(rest: Words) -> Span | None:
    """Such as "1999", "1999 or later", "1999 or earlier"."""
    year = _year(rest[:1])
    return None if year is None else _opened(Span(1, year, year), rest)


def _year(words: Words) -> int | None:
    """The year that one word is; None if it is none."""
    if len(words) != 1 or len(words[0]) != 4 or not (words[0].isascii() and words[0].isdecimal()):
        return None
    return int(words[0]) if FIRST <= int(words[0]) <= LAST else None
