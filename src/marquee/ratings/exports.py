"""Reads exports of ratings: Letterboxd (files or the whole zip), IMDb, Trakt, MovieLens, and plain CSV.

The web page has the same rules in ui/exports.js.
"""

import csv
import io
import json
import math
import re
import zipfile
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from pydantic import ValidationError

from marquee.api.contracts import RatingRow
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
    "stars": ("your rating", "my rating", "rating", "stars", "score"),
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
_SEEN = re.compile(r"(rating|watched|diary|history).*\.(csv|json)$")
_YEARS = range(1870, 2101)
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
            rows += _rows(name, part, problems)
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
            # Folders below the first file's have what was deleted, and such.
            depths = [one.filename.count("/") for one in archive.infolist() if not one.is_dir()]
            names = {
                one.filename.rpartition("/")[2]: one
                for one in archive.infolist()
                if not one.is_dir() and one.filename.count("/") == min(depths)
            }
            chosen = [name for name in names if _SEEN.search(name)]
            if sum(names[name].file_size for name in chosen) > MAX_BYTES:
                raise RequestError("the archive's files are too large for ratings", fix=f"give {EXPORTS}")
            found = [(f"{name}, ", archive.read(names[name])) for name in chosen]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise RequestError(f"the archive can't be read: {error}", fix="download the export again") from None
    if not found:
        raise RequestError("the archive has no file of ratings", fix=f"give {EXPORTS}")
    return found


def _rows(name: str, data: bytes, problems: list[str]) -> Iterable[RatingRow]:
    text = _decoded(data).strip("\n\r\0 ")
    if text[:1] in ("[", "{"):
        return _checked(name, "entry", enumerate(_entries(text), start=1), problems)
    first, *_ = text.splitlines() or [""]
    delimiter = max(",;\t|", key=first.count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [fold(cell) for cell in next(table, [])]
    except csv.Error as error:
        raise RequestError(f"{name}the first line can't be read: {error}", fix=f"give {EXPORTS}") from None
    at = {
        field: header.index(known[0])
        for field, names in COLUMNS.items()
        if (known := [n for n in names if n in header])
    }
    if not any(field in at for field in _NAMED):
        shown = ", ".join(header)[:120] or "nothing"
        raise RequestError(f"{name}the first line names no title or id of films, but {shown}", fix=f"give {EXPORTS}")

    def records() -> Iterable[tuple[int, Any]]:
        try:
            for cells in table:
                if any(map(str.strip, cells)):
                    fits = len(cells) <= len(header)
                    yield (
                        table.line_num,
                        {f: cells[i].strip() for f, i in at.items() if i < len(cells)} if fits else None,
                    )
        except csv.Error as error:
            yield table.line_num, error

    listed = list(records())
    numbers = [value for _, record in listed if isinstance(record, dict) and (value := _number(record.get("stars")))]
    is_imdb = "imdb_id" in at and "your rating" in header
    scale = 2 if is_imdb or max(numbers, default=0) > 5 else 1
    return _checked(name, "line", listed, problems, 20 if max(numbers, default=0) > 10 else scale)


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _entries(text: str) -> Iterable[Any]:
    """Trakt's entries, as records of COLUMNS; stars of 1 to 10 become those of 0.5 to 5."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the file is not JSON: {error}", fix="download the export again") from None
    entries = entries if isinstance(entries, list) else [entries]
    if not any(isinstance(entry, dict) and {"movie", "show"} & set(entry) for entry in entries):
        raise RequestError("the JSON has no list of films with a `movie` each, as Trakt's has", fix=f"give {EXPORTS}")
    for entry in entries:
        if not isinstance(entry, dict) or "episode" in entry or "season" in entry:
            yield None
            continue
        film = entry.get("movie") or entry.get("show")
        ids = film.get("ids") if isinstance(film, dict) else None
        if not isinstance(film, dict) or not isinstance(ids, dict | None):
            yield None
            continue
        ids, rating = ids or {}, _number(entry.get("rating"))
        yield {
            "title": str(film.get("title") or ""),
            "year": film.get("year"),
            "stars": rating / 2 if rating else None,
            "at": entry.get("rated_at") or entry.get("last_watched_at") or entry.get("watched_at"),
            "imdb_id": ids.get("imdb"),
            # A series has an id of another kind, which can be some film's.
            "tmdb_id": ids.get("tmdb") if "movie" in entry else None,
            "kind": "movie" if "movie" in entry else "series",
        }


def _checked(
    name: str, unit: str, records: Iterable[tuple[int, Any]], problems: list[str], scale: int = 1
) -> Iterable[RatingRow]:
    for number, record in records:
        try:
            if not isinstance(record, dict):
                raise ValueError(str(record or "it is no film, or has more cells than the first line"))
            yield _row(record, scale)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"])) or "row"
            problems.append(f"{name}{unit} {number}: {field}: {first['msg'].removeprefix('Value error, ')}")
        except ValueError as error:
            problems.append(f"{name}{unit} {number}: {error}")


def _row(record: Mapping[str, Any], scale: int) -> RatingRow:
    title, year = split_year(str(record.get("title") or ""))
    given, stars = _number(record.get("year")), _number(record.get("stars"))
    if record.get("stars") and stars is None:
        raise ValueError(f"the rating is {str(record['stars'])[:20]!r}, not a number")
    if given and int(given) in _YEARS:
        year = int(given)
    elif given or (record.get("year") and given is None):
        raise ValueError(f"the year is {str(record['year'])[:20]!r}")
    imdb = re.search(r"(?<!\d)0*(\d{1,10})(?!\d)", str(record.get("imdb_id") or ""))
    return RatingRow(
        title=title[:500],
        year=year,
        stars=stars / scale if stars else None,
        at=_time(record.get("at")),
        imdb_id=f"tt{int(imdb[1]):07d}" if imdb and int(imdb[1]) else None,
        tmdb_id=_id(record.get("tmdb_id")),
        movie_id=_id(record.get("movie_id")),
        series=bool(re.search(r"series|episode|show", str(record.get("kind") or ""), re.IGNORECASE)),
    )


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
        number = number / 1000 if number > 1e11 else number
        return int(number) if 0 < number < 4.1e9 else None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
