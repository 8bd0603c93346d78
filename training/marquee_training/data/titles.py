"""MovieLens titles ("Matrix, The (1999)") into reading order and year, and back again."""

import re

_ARTICLES = (
    "The|A|An|Le|La|Les|L'|L’|Un|Une|Il|Lo|Gli|Uno|Una|El|Los|Las|Der|Die|Das|Den|Det|De|Het|Ein|Eine|En|Ett|Um|Uma"
)
_YEAR = re.compile(r"\s*\((\d{4})(?:\s*[-\u2013\u2014]\s*(?:\d{4})?)?\)\s*(?:\(V\)\s*)?$")  # (V): made for video
_LAST = re.compile(rf"^(?P<rest>.*?\S), (?P<article>{_ARTICLES})(?P<tail>(?: \(|: ).*)?$")
# Inside brackets stand foreign titles, so single letters are articles too: "Tre volti della paura, I".
_IN_BRACKETS = re.compile(rf"\((?P<aka>a\.k\.a\. )?(?P<rest>[^()]*?\S), (?P<article>{_ARTICLES}|I|O|Os|As)\)")
_ENGLISH = re.compile(r"^(The|A|An) (?P<rest>[^,(]+)$")
_FIRST_YEAR, _LAST_YEAR = 1870, 2100


def split_title(raw: str) -> tuple[str, int]:
    """Title in reading order, and the year (0 = none) of a MovieLens title.

    Of a span of years, "(2006-2007)", the first counts.
    """
    title, year = raw.strip(), 0
    if (match := _YEAR.search(title)) and match.start() and _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
        title, year = title[: match.start()], int(match[1])
    return reading_order(title), year


def reading_order(title: str) -> str:
    """The title with its articles in front: "Hate (Haine, La)" becomes "Hate (La Haine)"."""
    title = _IN_BRACKETS.sub(lambda m: f"({m['aka'] or ''}{_joined(m['article'], m['rest'])})", title)
    match = _LAST.match(title)
    if match is None or match["rest"].count("(") != match["rest"].count(")"):
        return title
    return _joined(match["article"], match["rest"]) + (match["tail"] or "")


def filing_order(title: str, year: int) -> str:
    """What MovieLens would write for a title in reading order and a year (0 = unknown); `split_title` reads it back."""
    end = f" ({year})" if year else ""
    if match := _ENGLISH.match(title):
        filed = f"{match['rest']}, {match[1]}{end}"
        if split_title(filed) == (title, year):
            return filed
    return title + end


def _joined(article: str, rest: str) -> str:
    return f"{article}{rest}" if article[-1] in "'’" else f"{article} {rest}"
