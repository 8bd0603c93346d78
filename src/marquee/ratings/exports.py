"""Reads exports of ratings: Letterboxd (files or the whole zip), IMDb, Trakt, MovieLens, and plain CSV.

The web page has the same rules in ui/exports.js.
"""

import csv
import io
import json
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from pydantic import ValidationError

from marquee.api.ratings import RatingRow
from marquee.errors import RequestError
from marquee.search.text import fold

MAX_BYTES = 20 * 2**20  # of a file; the longest exports have two
EXPORTS = (
    "an export of Letterboxd (.zip or .csv), IMDb (.csv), Trakt (.json) or MovieLens (.csv), "
    "or a CSV file with a header line such as title,year,rating"
)
# Columns by what they hold, folded; of several in a file the first named here counts.
COLUMNS = {
    "title": ("name", "title", "film", "movie", "film title", "movie title"),
    "year": ("year", "release year"),
    "stars": ("your rating", "you rated", "my rating", "rating", "rating10", "stars", "score", "liked"),
    "at": (
        "watched date",
        "watcheddate",
        "date rated",
        "rated at",
        "last watched at",
        "watched at",
        "date",
        "timestamp",
    ),
    "imdb_id": ("const", "imdb id", "imdbid", "imdb", "tconst"),
    "tmdb_id": ("tmdb id", "tmdbid", "tmdb"),
    "movie_id": ("movie id", "movieid"),
    "kind": ("title type", "type"),
}
_NAMED = ("title", "imdb_id", "tmdb_id", "movie_id")
_IN_BRACKETS = re.compile(r"\s*\(((?:18|19|20)\d\d)\)\s*$")
# Files of an archive, of Letterboxd or Trakt, that say what was seen.
_SEEN = re.compile(r"(rating|watched|diary|history)[^/\\]*\.(csv|json)$", re.IGNORECASE)
# What was deleted, lists, and files of an operating system.
_ASIDE = re.compile(r"(^|[/\\])(deleted|orphaned|lists|likes|__MACOSX|\.)", re.IGNORECASE)
_YEARS = range(1870, 2101)
# The place of a row, its cells by COLUMNS or None if it is no film, and what a star is divided by.
_Record = tuple[str, Mapping[str, Any] | None, int]
_EPOCH = date(1970, 1, 1).toordinal()


class Export(NamedTuple):
    """The rows of an export, one a film, and what is wrong with the rows that were left out, each with its place."""

    rows: list[RatingRow]
    problems: list[str]


def read_export(data: bytes) -> Export:
    """Parse an export; what kind it is shows in its content.

    Raises:
        RequestError: It is empty, damaged, or no such export.
    """
    if not data.strip():
        raise RequestError("the file is empty", fix=f"give {EXPORTS}")
    if len(data) > MAX_BYTES:
        raise RequestError(f"the file has {len(data):,} bytes", fix=f"give {EXPORTS}")
    problems: list[str] = []
    rows: list[RatingRow] = []
    parts = _files(data)
    for name, part in parts:
        try:
            rows.extend(_rows(name, part, problems))
        except RequestError as error:
            if len(parts) == 1:
                raise
            problems.append(error.message)  # an archive has files of other kinds
    return Export(merged(rows), problems)


def merged(rows: Iterable[RatingRow]) -> list[RatingRow]:
    """The rows, those of one film as one: the newest that has stars, or else the newest."""
    by_film: dict[object, RatingRow] = {}
    for row in rows:
        key = row.imdb_id or row.movie_id or row.tmdb_id or (fold(row.title), row.year, row.series)
        other = by_film.get(key)
        by_film[key] = (
            row if other is None else max(other, row, key=lambda one: (one.stars is not None, seconds(one.at)))
        )
    return list(by_film.values())


def seconds(at: int | date | None) -> int:
    """Seconds since 1970 of a time or a day; 0 where it is unknown."""
    return (at.toordinal() - _EPOCH) * 86400 if isinstance(at, date) else at or 0


def split_year(title: str) -> tuple[str, int | None]:
    """A title, and the year in brackets at its end."""
    found = _IN_BRACKETS.search(title)
    return (title[: found.start()], int(found[1])) if found and found.start() else (title.strip(), None)


def _files(data: bytes) -> list[tuple[str, bytes]]:
    """The file, or those of an archive that hold what was seen: not watch lists, nor what was deleted."""
    if not data.startswith(b"PK"):
        return [("", data)]
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            chosen = [one for one in members if _SEEN.search(one.filename) and not _ASIDE.search(one.filename)]
            if sum(one.file_size for one in chosen) > MAX_BYTES:
                raise RequestError("the archive's files are too large for ratings", fix=f"give {EXPORTS}")
            found = [(f"{one.filename}, ", archive.read(one)) for one in chosen]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise RequestError(f"the archive can't be read: {error}", fix="download the export again") from None
    if not found:
        raise RequestError("the archive has no file of ratings", fix=f"give {EXPORTS}")
    return found


def _rows(name: str, data: bytes, problems: list[str]) -> Iterator[RatingRow]:
    """The rows of a file; what is wrong with others goes to the problems."""
    text = _decoded(data).strip("\n\r\0 ")
    for place, record, scale in _trakt(text) if text[:1] in ("[", "{") else _table(text, name):
        try:
            yield _row(record, scale)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"])) or "row"
            problems.append(f"{name}{place}: {field}: {first['msg'].removeprefix('Value error, ')}")
        except ValueError as error:
            problems.append(f"{name}{place}: {error}")


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _table(text: str, name: str) -> Iterator[_Record]:
    first, *_ = text.splitlines() or [""]
    table = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t|", key=first.count))
    try:
        header = [fold(cell) for cell in next(table, [])]
        lines = [(table.line_num, cells) for cells in table if any(map(str.strip, cells))]
    except csv.Error as error:
        raise RequestError(f"{name}line {table.line_num + 1} can't be read: {error}", fix=f"give {EXPORTS}") from None
    known = {field: next((one for one in names if one in header), "") for field, names in COLUMNS.items()}
    at = {field: header.index(column) for field, column in known.items() if column}
    if not any(field in at for field in _NAMED):
        shown = ", ".join(header)[:120] or "nothing"
        raise RequestError(f"{name}the first line names no title or id of films, but {shown}", fix=f"give {EXPORTS}")
    records = [
        (line, {field: cells[column].strip() for field, column in at.items() if column < len(cells)})
        if len(cells) <= len(header)
        else (line, None)
        for line, cells in lines
    ]
    given = {stars for _, record in records if record and (stars := _stars(record.get("stars"))) is not None}
    least, most = min(given, default=0), max(given, default=0)
    is_thumbs = least <= 0 < most and given <= {-1, 0, 1}
    of_ten = most > 5 or known["stars"] == "rating10" or (known["imdb_id"] and known["stars"].startswith("you"))
    for line, record in records:
        if is_thumbs and record and (thumb := _stars(record.get("stars"))) is not None:
            record["stars"] = "5" if thumb > 0 else "0.5"
        yield f"line {line}", record, 1 if is_thumbs else 20 if most > 10 else 2 if of_ten else 1


def _trakt(text: str) -> Iterator[_Record]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the file is not JSON: {error}", fix="download the export again") from None
    entries = [one if isinstance(one, dict) else {} for one in (entries if isinstance(entries, list) else [entries])]
    if not any({"movie", "show"} & set(entry) for entry in entries):
        raise RequestError("the JSON has no list of films with a `movie` each, as Trakt's has", fix=f"give {EXPORTS}")
    for number, entry in enumerate(entries, start=1):
        film = entry.get("movie") or entry.get("show")
        record = None
        if isinstance(film, dict) and not {"episode", "season"} & set(entry):
            ids = film["ids"] if isinstance(film.get("ids"), dict) else {}
            record = {
                "title": film.get("title"),
                "year": film.get("year"),
                "stars": entry.get("rating"),
                "at": entry.get("rated_at") or entry.get("last_watched_at") or entry.get("watched_at"),
                "imdb_id": ids.get("imdb"),
                # A series has an id of another kind, which can be some film's.
                "tmdb_id": ids.get("tmdb") if "movie" in entry else None,
                "kind": "movie" if "movie" in entry else "series",
            }
        yield f"entry {number}", record, 2


def _row(record: Mapping[str, Any] | None, scale: int) -> RatingRow:
    """A row of a record; ValueError, of which pydantic's is one, if it isn't valid."""
    if record is None:
        raise ValueError("it is no film, or has more cells than the first line")
    title, year = split_year(str(record.get("title") or ""))
    given, stars = _number(record.get("year")), _stars(record.get("stars"))
    if record.get("stars") and stars is None:
        raise ValueError(f"the rating is {str(record['stars'])[:20]!r}, not a number")
    if record.get("year") and (given is None or int(given) not in _YEARS):
        raise ValueError(f"the year is {str(record['year'])[:20]!r}")
    imdb = re.search(r"(?<!\d)0*(\d{1,10})(?!\d)", str(record.get("imdb_id") or ""))
    return RatingRow(
        title=title[:500],
        year=int(given) if given else year,
        stars=max(stars / scale, 0.5 if scale > 1 else 0) if stars else None,
        at=_time(record.get("at")),
        imdb_id=f"tt{int(imdb[1]):07d}" if imdb and int(imdb[1]) else None,
        tmdb_id=_id(record.get("tmdb_id")),
        movie_id=_id(record.get("movie_id")),
        series=bool(re.search(r"series|episode|show", str(record.get("kind") or ""), re.IGNORECASE)),
    )


def _stars(value: Any) -> float | None:
    return {"true": 1.0, "false": 0.0}.get(str(value).casefold(), _number(value))


def _number(value: Any) -> float | None:
    try:
        number = float(str(value).replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _id(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number and number == number // 1 and 0 < number < 2**31 else None


def _time(value: Any) -> int | date | None:
    """Seconds or a day; None for what is neither: a rating counts without its time."""
    number = _number(value)
    if number is not None:
        while number > 1e11:  # milli-, micro- and nanoseconds
            number /= 1000
        return int(number) if 0 < number < 4.1e9 else None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
