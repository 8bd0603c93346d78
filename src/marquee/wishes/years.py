"""Years in words: "after 2000", "the eighties", "between 1990 and 2005", "recent"."""

import re

Words = tuple[str, ...]
FIRST, LAST = 1870, 2100
RECENT_YEARS = 10
OLD_BEFORE = 1980
OLDEST_CHILD, A_FEW = 12, 5
MAX_WORDS = 8

_NUMBERS = {word: number for number, word in enumerate("two three four five six seven eight nine ten".split(), 2)}
_NUMBERS |= {"eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "few": A_FEW}
_DECADES = "twenties thirties forties fifties sixties seventies eighties nineties".split()
_PARTS = {"early": (0, 4), "mid": (3, 6), "late": (5, 9), None: (0, 9)}

# In all patterns a space follows each word, the last one too.
_AGE = re.compile(
    r"(?:(?:in|from|of|within) )?(?:the )?"
    r"(?:(?P<within>last|past|not older than|no older than|newer than|less than)|older than|more than|at least|over) "
    r"(?:(?P<decade>decade)|(?P<count>\S+) years?(?: old)?) "
)
_RANGE = re.compile(
    r"(?P<begin>between |from )?(?P<first>[0-9]{4}) (?P<join>and |to |until |till |through )?(?P<last>[0-9]{4}) "
)
_SIDE = re.compile(
    r"(?:(?P<after>after|newer than|later than|younger than|more recent than|post)"
    r"|(?P<since>since|starting|not before|not older than|at least)"
    r"|(?P<before>before|older than|earlier than|prior to|pre)"
    r"|(?P<until>until|till|up to|to|not after|by|not newer than)"
    r"|(?P<within>in|from|of|the year|made in|released in)) (?:the )?(?:year )?"
)
# What each side adds to the first and to the last year; None leaves that end open.
_EDGES = {"after": (1, None), "since": (0, None), "before": (None, -1), "until": (None, 0), "within": (0, 0)}
_OR_LATER = re.compile(r"(?:or (?:later|newer|after)|and (?:later|up)|onwards?) ")
_OR_EARLIER = re.compile(r"(?:or (?:earlier|older|before)|and earlier) ")
_DECADE = re.compile(
    rf"(?:the )?(?:(?P<part>early|mid|late) )?(?:(?P<name>{'|'.join(_DECADES)})|(?P<digits>(?:[0-9]{{2}})?[0-9]0) ?s) "
)
_RECENT = re.compile(r"(?:recent|newer|modern|latest|contemporary|brand new|recently made) ")
_OLD = re.compile(r"(?:old school|old|older|classics?|vintage|golden age) ")
_YEAR = re.compile(r"[0-9]{4} ")


# How many words name the years, the first year and the last; None is an open end.
Span = tuple[int, int | None, int | None]


def years_at(words: Words, start: int, newest: int) -> Span | None:
    """The years that begin at a folded word, if any; "recent" goes by the catalogue's newest year."""
    text = "".join(f"{word} " for word in words[start : start + MAX_WORDS])
    of_an_age = words[max(0, start - 1) : start] in {("year",), ("years",)}  # "15 year old" is no old film
    return (
        _by_age(text, newest)
        or _range(text)
        or _one_sided(text)
        or _opened(_decade(text), text)
        or (None if of_an_age else _recent_or_old(text, newest))
        or _opened(_year_alone(text), text)
    )


def is_child(words: Words) -> bool:
    """Whether three words are such as "8 year old", of a child."""
    return words[1:] in {("year", "old"), ("year", "olds")} and 0 < (_count(words[0]) or 0) <= OLDEST_CHILD


def _by_age(text: str, newest: int) -> Span | None:
    """Such as "the last ten years", "from the past decade", "not older than 5 years", "older than 20 years"."""
    match = _AGE.match(text)
    if not match or not newest:
        return None
    if match["decade"]:
        return (_length(match), newest - 9, None) if match["within"] in {"last", "past"} else None
    count = _count(match["count"])
    if count is None or not 0 < count < 100:
        return None
    if match["within"]:
        return _length(match), newest - count + 1, None
    return _length(match), None, newest - count


def _range(text: str) -> Span | None:
    """Such as "between 1990 and 2005", "from 1990 to 2005", "1990-2005"; "1990 and 2005" are two years."""
    match = _RANGE.match(text)
    if not match or (match["join"] == "and " and not match["begin"]):
        return None
    first, last = sorted((int(match["first"]), int(match["last"])))
    return (_length(match), first, last) if first >= FIRST and last <= LAST else None


def _one_sided(text: str) -> Span | None:
    """Such as "after 2000", "until the 80s", "in 1999", "from 1999 on"."""
    match = _SIDE.match(text)
    if not match:
        return None
    side = match.lastgroup or ""
    first_by, last_by = _EDGES[side]
    rest = text[match.end() :]
    if span := _decade(rest):
        # "after the 80s" is after all of them, "before the 80s" before any.
        length, decade_first, decade_last = span
        first = decade_last if side == "after" else decade_first
        last = decade_first if side == "before" else decade_last
    elif year := _year_alone(rest):
        length, first, last = year
        following = rest.partition(" ")[2]
        later = _OR_LATER.match(following)
        if later or (text.startswith("from ") and following.startswith("on ")):
            length += _length(later) if later else 1
            last_by = None if first_by is not None else last_by  # "from 1999" is that year alone, "from 1999 on" isn't
    else:
        return None
    low = None if first_by is None or first is None else first + first_by
    high = None if last_by is None or last is None else last + last_by
    fits = all(end is None or FIRST <= end <= LAST for end in (low, high))
    return (_length(match) + length, low, high) if fits else None


def _opened(span: Span | None, text: str) -> Span | None:
    """The same, open to the side that is named behind it: "1980s or newer", "1999 or earlier"."""
    if span is None:
        return None
    length, first, last = span
    following = text.split(" ", length)[-1]
    if later := _OR_LATER.match(following):
        return length + _length(later), first, None
    if earlier := _OR_EARLIER.match(following):
        return length + _length(earlier), None, last
    return span


def _decade(text: str) -> Span | None:
    """Such as "90s", "the 1990s", "80's", "eighties", "early 90s", "late sixties"."""
    match = _DECADE.match(text)
    if not match:
        return None
    if match["name"]:
        first = 1920 + 10 * _DECADES.index(match["name"])
    else:
        first = int(match["digits"])
        if len(match["digits"]) == 2:
            first += 2000 if first < 20 else 1900
    if not FIRST <= first <= LAST - 9:
        return None
    low, high = _PARTS[match["part"]]
    return _length(match), first + low, first + high


def _recent_or_old(text: str, newest: int) -> Span | None:
    if newest and (match := _RECENT.match(text)):
        return _length(match), newest - RECENT_YEARS + 1, None
    match = _OLD.match(text)
    return (_length(match), None, OLD_BEFORE - 1) if match else None


def _year_alone(text: str) -> Span | None:
    match = _YEAR.match(text)
    year = int(match[0]) if match else 0
    return (1, year, year) if FIRST <= year <= LAST else None


def _count(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 4 else _NUMBERS.get(word)


def _length(match: re.Match[str]) -> int:
    """Number of words."""
    return match[0].count(" ")
