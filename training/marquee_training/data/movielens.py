"""Read a folder of MovieLens files, of any generation, into a `Dataset`."""

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marquee.errors import DataError
from marquee_training.data.dataset import Dataset, Genome
from marquee_training.data.mapping import NAME
from marquee_training.data.read_csv import FileFormat, Table, read_table, require_known, require_unique, require_valid
from marquee_training.data.row_errors import Kind
from marquee_training.data.titles import split_title
from marquee_training.progress import ByteProgress

NO_GENRES = "(no genres listed)"
RENAMED_GENRES = {"Children's": "Children"}  # the name of 1998 and 2003, and today's
_GZIP_RATIO = 4  # about; only the progress bar depends on it
# The columns of 100K's u.item after the first five, in the order of its u.genre.
GENRES_100K: Final = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary"),
    *("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi"),
    *("Thriller", "War", "Western"),
)
_COLUMNS = {
    "ratings": {"userId": Kind.ID, "movieId": Kind.ID, "rating": Kind.RATING, "timestamp": Kind.SECONDS},
    "movies": {"movieId": Kind.ID, "title": Kind.TITLE, "genres": Kind.TEXT},
    "links": {"movieId": Kind.ID, "tmdbId": Kind.OPTIONAL_ID, "imdbId": Kind.OPTIONAL_ID},
    "tags": {"userId": Kind.ID, "movieId": Kind.ID, "tag": Kind.TEXT},
    "scores": {"movieId": Kind.ID, "tagId": Kind.ID, "relevance": Kind.SHARE},
    "genome_tags": {"tagId": Kind.ID, "tag": Kind.TITLE},
}
_RATINGS, _MOVIES = _COLUMNS["ratings"], _COLUMNS["movies"]
_OPTIONAL = {"ratings": ("rating", "timestamp"), "links": ("tmdbId", "imdbId")}
_LIKE, _DISLIKE = 5.0, 0.5
"""Stars for thumbs, and for rows without a rating."""
_MOVIES_100K = {"movieId": Kind.ID, "title": Kind.TITLE} | dict.fromkeys(GENRES_100K, Kind.TEXT)
_HEADER_100K = ("movieId", "title", "date", "video", "url", *GENRES_100K)
_LATEST = ("ratings", "movies", "links", "tags", "genome-scores", "genome-tags")
_KAGGLE = ("rating", "movie", "link", "tag", "genome_scores", "genome_tags")


def _csv_files(names: Sequence[str]) -> dict[str, FileFormat]:
    files = zip(_COLUMNS.items(), names, strict=True)
    return {
        role: FileFormat(f"{name}.csv", columns, optional=_OPTIONAL.get(role, ())) for (role, columns), name in files
    }


# The files of each generation of MovieLens.
SHAPES: Final = {
    "latest": _csv_files(_LATEST),
    "kaggle": _csv_files(_KAGGLE),
    "1m": {
        "ratings": FileFormat("ratings.dat", _RATINGS, "::", tuple(_RATINGS), optional=_OPTIONAL["ratings"]),
        "movies": FileFormat("movies.dat", _MOVIES, "::", tuple(_MOVIES), latin1=True),
    },
    "100k": {
        "ratings": FileFormat("u.data", _RATINGS, "\t", tuple(_RATINGS), optional=_OPTIONAL["ratings"]),
        "movies": FileFormat("u.item", _MOVIES_100K, "|", _HEADER_100K, latin1=True),
    },
}


def load_movielens(folder: Path, *, progress: bool = True) -> Dataset:
    """Read and check the MovieLens files in a folder; each may be gzipped (`.csv.gz`).

    The files' names tell the generation; the data set's `notes` list everything that was left out. With `progress`,
    it is shown once reading takes a while.

    Raises:
        DataError: A file is missing or breaks a rule; the message names the line and the fix.
    """
    files = _Files(folder, progress=progress)
    with files.progress:
        movies = files.read("movies")
        require_unique(movies, "movieId", what="film {movieId} is listed", fix="keep one row per film")
        known = movies.columns["movieId"]
        ratings = files.read("ratings")
        fix = f"add the film to {movies.path.name}, or remove its ratings"
        require_known(ratings, "movieId", known, movies.path.name, fix=fix)
        fix = "keep one of the rows, such as the later one: a person rates a film once"
        require_unique(ratings, "userId", "movieId", what="user {userId} rates film {movieId}", fix=fix)
        links = files.read_links(known)
        tags = files.read_tags(known)
        genome = files.read_genome(known)
    if "genres" in movies.columns:
        genres = _with_bars(movies, files.notes)
    else:  # 100K's flags; "unknown" means none
        named = GENRES_100K[1:]
        flags = zip(*(movies.columns[name].to_pylist() for name in named), strict=True)
        genres = ["|".join(name for name, flag in zip(named, row, strict=True) if flag.strip() == "1") for row in flags]
    return Dataset(
        name=folder.resolve().name,
        source=str(folder),
        ratings=ratings_frame(
            ratings.columns["userId"],
            ratings.columns["movieId"],
            _stars(ratings, files.notes),
            _times(ratings, files.notes),
        ),
        movies=movies_frame(known, movies.columns["title"].to_pylist(), genres, **links),
        tags=tags,
        genome=genome,
        sha256=files.sha256(),
        notes=tuple(files.notes),
    )


def _stars(ratings: Table, notes: list[str]) -> NDArray[Any]:
    """(m,) ratings from 0.5 to 5; thumbs become 5 and 0.5, and so do rows without a rating."""
    name, values = ratings.path.name, ratings.columns.get("rating")
    if values is None:
        notes.append(f"{name}: there is no column rating, so each row counts as a like")
        return np.full(len(ratings.columns["userId"]), _LIKE, dtype=np.float32)
    if values.min() <= 0 < values.max() and np.isin(values, (-1, 0, 1)).all():
        notes.append(f"{name}: the ratings are thumbs, {int((values > 0).sum()):,} up and the others down")
        return np.where(values > 0, _LIKE, _DISLIKE).astype(np.float32)
    kind = Kind.RATING
    what = f"rating is '{{value}}', not {kind.expected}"
    require_valid(ratings, "rating", values >= _DISLIKE, what=what, fix=kind.fix)
    if values.min() == values.max():
        notes.append(f"{name}: each rating is {values[0]:g}, so each row counts as a like")
    return np.asarray(values)


def _times(ratings: Table, notes: list[str]) -> NDArray[np.int64]:
    """(m,) seconds, 0 = unknown."""
    values = ratings.columns.get("timestamp", np.zeros(len(ratings.columns["userId"]), dtype=np.int64))
    if unknown := int((values == 0).sum()):
        notes.append(
            f"{ratings.path.name}: {unknown:,} rows without a time; only the evaluation protocol temporal needs times"
        )
    return np.asarray(values)


def _with_bars(movies: Table, notes: list[str]) -> list[str]:
    """Each film's genres as MovieLens writes them, "Action|Comedy"."""
    cells = movies.columns["genres"].to_pylist()
    genres, note, valid = split_genres(cells)
    fix = """write them as Action|Comedy, or as a list of texts, ["Action", "Comedy"]"""
    require_valid(movies, "genres", valid, what="genres is '{value}', which is no list of names", fix=fix)
    notes += [f"{movies.path.name}: genres {note}"] * bool(note)
    return genres


def split_genres(cells: Sequence[str]) -> tuple[list[str], str, NDArray[np.bool_]]:
    """Genres with bars between, "Action|Comedy", out of text with another separator, or of lists in JSON.

    Returns:
        Each cell's genres, a note on their separator if it isn't a bar or not the only one, and (n,) bool, which cells
        are valid.
    """
    cells = [cell.strip().removeprefix(NO_GENRES) for cell in cells]
    in_brackets = {row: _bracketed(cell) for row, cell in enumerate(cells) if cell.startswith(("[", "{"))}
    valid = np.array([in_brackets.get(row, "") is not None for row in range(len(cells))], dtype=np.bool_)
    plain = [cell for row, cell in enumerate(cells) if row not in in_brackets]
    mark = next((mark for mark in ("|", ";", ">", ",", "/") if any(mark in cell for cell in plain)), "|")
    genres = [in_brackets.get(row, cell.replace(mark, "|")) or "" for row, cell in enumerate(cells)]
    note = f"are separated by {mark!r}, and read so" if mark != "|" else ""
    if odd := [cell for cell in plain if {",", ";", "\t"} & set(cell.replace(mark, ""))]:
        note = f"are separated by {mark!r}, but not in {len(odd):,} of {len(cells):,} rows, such as {odd[0]!r}"
    return genres, note, valid


def _bracketed(cell: str) -> str | None:
    """Genres with bars between out of '["Action", "Comedy"]' or '[{"id": 28, "name": "Action"}]'; None for others."""
    try:
        entries = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            # Without commas, as numpy writes lists, Python joins the texts.
            entries = None if re.search(r"""['"]\s+['"]""", cell) else ast.literal_eval(cell)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None
    listed = [entries] if isinstance(entries, dict) else entries if isinstance(entries, list) else [None]
    names: list[Any] = [entry.get("name") if isinstance(entry, dict) else entry for entry in listed]
    return "|".join(names) if all(isinstance(name, str) for name in names) else None


class _Files:
    """The files of a folder, each read at most once."""

    def __init__(self, folder: Path, *, progress: bool) -> None:
        if not folder.is_dir():
            what = "isn't a folder" if folder.exists() else "doesn't exist"
            raise DataError(f"{folder} {what}", fix="give the folder that holds MovieLens' files")
        self.folder = folder
        self.notes: list[str] = []
        self.formats = self._formats()
        found = [path for role in self.formats if (path := self._find(role))]
        total = sum(path.stat().st_size * (_GZIP_RATIO if path.suffix == ".gz" else 1) for path in found)
        self.progress = ByteProgress(f"reading {folder.resolve().name}", total, show=progress)
        self._hashes: dict[str, str] = {}

    def read(self, role: str, *, may_be_empty: bool = False) -> Table:
        name, path = self.formats[role].name, self._find(role)
        if path is None:
            fix = f"copy {name} (or {name}.gz) there; it comes with {self.formats['ratings'].name}"
            raise DataError(f"{self.folder / name} is missing", fix=fix)
        if path.suffix != ".gz" and (self.folder / f"{name}.gz").exists():
            self.notes.append(f"{name}.gz isn't read, since {name} is there too")
        table = read_table(path, self.formats[role], may_be_empty=may_be_empty, advance=self.progress.advance)
        if table.is_cut:
            self.notes.append(
                f"{path.name}: the last line has no line end; if the copy is incomplete, its last value is cut"
            )
        self._hashes[name] = table.sha256
        return table

    def read_links(self, known: NDArray[Any]) -> dict[str, dict[int, int]]:
        """`tmdb_ids`, and the numbers in IMDb ids, `imdb_ids`, by MovieLens id."""
        if not self._find("links"):
            return {}
        table = self.read("links", may_be_empty=True)
        require_unique(table, "movieId", what="film {movieId} is linked", fix="keep one row per film")
        movies = table.columns["movieId"]
        listed = self._listed(table, movies, known, "links of {} films that the films' file lacks left out (harmless)")
        found = {}
        for name, column in {"tmdb_ids": "tmdbId", "imdb_ids": "imdbId"}.items():
            ids = table.columns.get(column, np.zeros(len(movies), dtype=np.int64))
            used = listed & (ids > 0)
            found[name] = dict(zip(movies[used].tolist(), ids[used].tolist(), strict=True))
        return found

    def read_tags(self, known: NDArray[Any]) -> pd.DataFrame:
        """How many people gave a film a tag; tags differ by more than case and spaces."""
        if not self._find("tags"):
            return no_tags()
        table = self.read("tags", may_be_empty=True)
        tag = table.columns["tag"].to_pandas().str.strip().str.lower()
        if blank := int((tag == "").sum()):
            self.notes.append(f"{table.path.name}: {blank:,} rows with an empty tag left out")
        movies = table.columns["movieId"]
        listed = self._listed(table, movies, known, "{} tags of films that the films' file lacks left out")
        rows = pd.DataFrame({"movie_id": movies, "tag": tag, "user": table.columns["userId"]})
        rows = rows[listed & (tag != "")].drop_duplicates()
        if rows.empty:
            return no_tags()
        counts: pd.Series[int] = rows.groupby(["movie_id", "tag"]).size().astype(np.int32)
        return counts.rename("count").reset_index()

    def read_genome(self, known: NDArray[Any]) -> Genome | None:
        """The tag genome as a matrix; a (film, tag) pair that the file lacks counts as 0."""
        roles = sorted(("scores", "genome_tags"), key=lambda role: self._find(role) is not None)  # absent ones first
        if not self._find(roles[0]):
            if self._find(roles[1]):
                absent, present = (self.formats[role].name for role in roles)
                self.notes.append(f"{present} isn't used: {absent} is missing")
            return None
        tags = self.read("genome_tags")
        keep_one = "keep one row per film and tag"
        require_unique(tags, "tagId", what="tag {tagId} is listed", fix=keep_one)
        scores = self.read("scores")
        fix = f"add the tag to {tags.path.name}, or remove its rows"
        require_known(scores, "tagId", tags.columns["tagId"], tags.path.name, fix=fix)
        require_unique(scores, "movieId", "tagId", what="film {movieId} is scored for tag {tagId}", fix=keep_one)

        tag_order = np.argsort(tags.columns["tagId"], kind="stable")
        movies, rows = np.unique(scores.columns["movieId"], return_inverse=True)
        matrix = np.zeros((len(movies), len(tag_order)), dtype=np.float32)
        columns = np.searchsorted(tags.columns["tagId"][tag_order], scores.columns["tagId"])
        matrix[rows, columns] = scores.columns["relevance"]
        listed = self._listed(scores, movies, known, "{} films that the films' file lacks left out (harmless)")
        movies, matrix = movies[listed], matrix[listed]
        if gaps := matrix.size - int(listed[rows].sum()):
            self.notes.append(f"{scores.path.name}: {gaps:,} pairs of film and tag missing, taken as relevance 0")
        names = tags.columns["tag"].take(tag_order).to_pylist()
        return Genome(movies.astype(np.int64), tuple(names), matrix)

    def sha256(self) -> str:
        """Hash over the files' names and unpacked contents: gzipping them changes nothing."""
        lines = (f"{digest}  {name}\n" for name, digest in sorted(self._hashes.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _listed(self, table: Table, movies: NDArray[Any], known: NDArray[Any], note: str) -> NDArray[np.bool_]:
        """Which of the films are in the films' file; notes how many aren't."""
        listed = np.isin(movies, known)
        if strays := int((~listed).sum()):
            self.notes.append(f"{table.path.name}: {note.format(f'{strays:,}')}")
        return listed

    def _find(self, role: str) -> Path | None:
        return _existing(self.folder, self.formats[role].name) if role in self.formats else None

    def _formats(self) -> dict[str, FileFormat]:
        """The file formats of the generation whose ratings are in the folder."""
        by_name = {formats["ratings"].name: formats for formats in SHAPES.values()}
        found, *others = [name for name in by_name if _existing(self.folder, name)] or [""]
        if others:
            self.notes.append(f"{', '.join(others)} isn't read, since {found} is there too")
        if found:
            return by_name[found]
        for name in by_name:
            for deeper in sorted(self.folder.glob(f"*/{name}*")):
                raise DataError(f"{self.folder} holds no ratings", fix=f"give the folder below it: {deeper.parent}")
        fix = "give the folder that holds MovieLens' files"
        for name, formats in by_name.items():
            if _existing(self.folder, formats["movies"].name):
                fix = f"copy {name} there, beside {formats['movies'].name}"
        what = f"none of {', '.join(by_name)} is there (or gzipped, .gz), and no {NAME} for data of another kind"
        raise DataError(f"{self.folder} holds no ratings: {what}", fix=fix)


def _existing(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def ratings_frame(*arrays: NDArray[Any]) -> pd.DataFrame:
    """`Dataset.ratings` of its columns in order, (n,) each, without a copy where the types fit."""
    types = {"user_id": np.int32, "movie_id": np.int32, "rating": np.float32, "timestamp": np.int64}
    columns = zip(types.items(), arrays, strict=True)
    return pd.DataFrame({name: array.astype(kind, copy=False) for (name, kind), array in columns}, copy=False)


def movies_frame(
    movie_id: NDArray[Any],
    titles: Sequence[str],
    genres: Sequence[str],
    tmdb_ids: Mapping[int, int] = MappingProxyType({}),
    imdb_ids: Mapping[int, int] = MappingProxyType({}),
) -> pd.DataFrame:
    """`Dataset.movies` of MovieLens' raw titles ("Matrix, The (1999)") and genres ("Action|Sci-Fi")."""
    split = [split_title(title) for title in titles]
    movies = pd.DataFrame(
        {
            "movie_id": movie_id.astype(np.int32),
            "title": pd.Series([title for title, _ in split], dtype="str"),
            "year": np.array([year for _, year in split], dtype=np.int16),
            "genres": pd.Series([_clean_genres(names) for names in genres], dtype="str"),
            "tmdb_id": np.array([tmdb_ids.get(int(movie), 0) for movie in movie_id], dtype=np.int64),
            "imdb_id": np.array([imdb_ids.get(int(movie), 0) for movie in movie_id], dtype=np.int64),
        }
    )
    return movies.sort_values("movie_id", ignore_index=True)


def no_tags() -> pd.DataFrame:
    """`Dataset.tags` of a data set that has none."""
    return pd.DataFrame({"movie_id": [], "tag": [], "count": []}).astype(
        {"movie_id": "int32", "tag": "str", "count": "int32"}
    )


def _clean_genres(names: str) -> str:
    if names.strip() in ("", NO_GENRES):
        return ""
    parts = (part.strip() for part in names.split("|"))
    return "|".join(dict.fromkeys(RENAMED_GENRES.get(part, part) for part in parts if part))
