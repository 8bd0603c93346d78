"""Reads a folder of MovieLens files, in any of their shapes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from marquee_training.data.assemble import genome_of, movies_frame, no_tags, ratings_frame, tags_frame, tmdb_ids
from marquee_training.data.checks import require_known, require_unique
from marquee_training.data.columns import CSV, Column, Kind, Layout
from marquee_training.data.dataset import Dataset, Genome
from marquee_training.data.faults import Fault
from marquee_training.data.progress import ByteProgress
from marquee_training.data.read_csv import Table, read_table
from marquee.errors import DataError

_PACKED_RATIO = 4  # about how much gzip saves on ratings; only the progress bar depends on it
_RATINGS = (
    Column("userId", Kind.ID),
    Column("movieId", Kind.ID),
    Column("rating", Kind.RATING),
    Column("timestamp", Kind.SECONDS),
)
_MOVIES = (Column("movieId", Kind.ID), Column("title", Kind.TITLE), Column("genres", Kind.TEXT))
_LINKS = (Column("movieId", Kind.ID), Column("tmdbId", Kind.OPTIONAL_ID))
_TAGS = (Column("userId", Kind.ID), Column("movieId", Kind.ID), Column("tag", Kind.TEXT))
_SCORES = (Column("movieId", Kind.ID), Column("tagId", Kind.ID), Column("relevance", Kind.SHARE))
_GENOME_TAGS = (Column("tagId", Kind.ID), Column("tag", Kind.TITLE))
_RATING_NAMES = ("userId", "movieId", "rating", "timestamp")

# The columns of 100K's u.item after the first five, in the order of its u.genre.
GENRES_100K: Final = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary"),
    *("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi"),
    *("Thriller", "War", "Western"),
)


@dataclass(frozen=True)
class Shape:
    """File names and layouts of a generation of MovieLens data; None = it has no such file."""

    ratings: str
    movies: str
    links: str | None = None
    tags: str | None = None
    scores: str | None = None
    genome_tags: str | None = None
    ratings_layout: Layout = CSV
    movies_layout: Layout = CSV
    movies_columns: Sequence[Column] = _MOVIES


SHAPES: Final = {
    "latest": Shape("ratings.csv", "movies.csv", "links.csv", "tags.csv", "genome-scores.csv", "genome-tags.csv"),
    "kaggle": Shape("rating.csv", "movie.csv", "link.csv", "tag.csv", "genome_scores.csv", "genome_tags.csv"),
    "1m": Shape(
        "ratings.dat",
        "movies.dat",
        ratings_layout=Layout("::", _RATING_NAMES),
        movies_layout=Layout("::", ("movieId", "title", "genres"), latin1=True),
    ),
    "100k": Shape(
        "u.data",
        "u.item",
        ratings_layout=Layout("\t", _RATING_NAMES),
        movies_layout=Layout("|", ("movieId", "title", "date", "video", "url", *GENRES_100K), latin1=True),
        movies_columns=(*_MOVIES[:2], *(Column(name, Kind.TEXT) for name in GENRES_100K)),
    ),
}


def load_movielens(folder: Path, *, progress: bool | None = None) -> Dataset:
    """Reads and checks the MovieLens files in a folder; each may be gzipped (`.csv.gz`).

    Args:
        folder: Where the files are; their names tell the shape.
        progress: True = show progress from the start, None = once it takes a while, False = never.

    Returns:
        The data, with everything that was left out listed in `notes`.

    Raises:
        DataError: A file is missing or breaks a rule; the message names the line and the fix.
    """
    files = _Files(folder, progress=progress)
    with files.progress:
        movies = files.read(files.shape.movies, files.shape.movies_columns, files.shape.movies_layout)
        require_unique(movies, "movieId", fault=Fault.DUPLICATE_FILM, what="film {movieId} is listed")
        known = movies.numbers["movieId"]
        ratings = files.read(files.shape.ratings, _RATINGS, files.shape.ratings_layout)
        require_known(ratings, "movieId", known, movies.path.name, fault=Fault.UNKNOWN_FILM)
        require_unique(
            ratings,
            "userId",
            "movieId",
            fault=Fault.DUPLICATE_RATING,
            what="user {userId} rates film {movieId}",
        )
        links = files.read_optional(files.shape.links, _LINKS)
        if links:
            require_unique(links, "movieId", fault=Fault.DUPLICATE_FILM, what="film {movieId} is linked")
        tags = files.read_optional(files.shape.tags, _TAGS)
        genome = _genome(files, known)
    notes = files.notes
    return Dataset(
        name=folder.resolve().name,
        source=str(folder),
        ratings=ratings_frame(*(ratings.numbers[name] for name in _RATING_NAMES)),
        movies=movies_frame(
            known,
            movies.texts["title"].to_pylist(),
            _genre_cells(movies),
            tmdb_ids(links, known, notes) if links else {},
        ),
        tags=tags_frame(tags, known, notes) if tags else no_tags(),
        genome=genome,
        sha256=files.sha256(),
        notes=tuple(notes),
    )


class _Files:
    """The files of a folder, each read at most once."""

    def __init__(self, folder: Path, *, progress: bool | None) -> None:
        if not folder.is_dir():
            what = "isn't a folder" if folder.exists() else "doesn't exist"
            raise DataError(f"{folder} {what}", fix="give the folder that holds MovieLens' files")
        self.folder = folder
        self.notes: list[str] = []
        self.shape = self._shape()
        names = [name for name in vars(self.shape).values() if isinstance(name, str)]
        total = sum(_unpacked_size(path) for name in names if (path := self._find(name)))
        self.progress = ByteProgress(f"reading {folder.resolve().name}", total, show=progress)
        self._hashes: dict[str, str] = {}

    def read(self, name: str, columns: Sequence[Column], layout: Layout = CSV, *, optional: bool = False) -> Table:
        path = self._find(name)
        if path is None:
            raise DataError(
                f"{self.folder / name} is missing",
                fix=f"copy {name} (or {name}.gz) there; it comes with {self.shape.ratings}",
            )
        if path.suffix != ".gz" and (self.folder / f"{name}.gz").exists():
            self.notes.append(f"{name}.gz isn't read, since {name} is there too")
        table = read_table(path, columns, layout, may_be_empty=optional, advance=self.progress.advance)
        if table.is_cut:
            self.notes.append(
                f"{path.name}: the last line has no line end; if the copy broke off, its last value is cut"
            )
        self._hashes[name] = table.sha256
        return table

    def read_optional(self, name: str | None, columns: Sequence[Column]) -> Table | None:
        return self.read(name, columns, optional=True) if name and self._find(name) else None

    def has(self, name: str | None) -> bool:
        return bool(name and self._find(name))

    def sha256(self) -> str:
        """Hash over the files' names and unpacked contents, so that gzipping them changes nothing."""
        lines = (f"{digest}  {name}\n" for name, digest in sorted(self._hashes.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _find(self, name: str) -> Path | None:
        for path in (self.folder / name, self.folder / f"{name}.gz"):
            if path.is_file():
                return path
        return None

    def _shape(self) -> Shape:
        found = [shape for shape in SHAPES.values() if self._find(shape.ratings)]
        if found:
            others = ", ".join(shape.ratings for shape in found[1:])
            if others:
                self.notes.append(f"{others} isn't read, since {found[0].ratings} is there too")
            return found[0]
        names = ", ".join(shape.ratings for shape in SHAPES.values())
        fix = "give the folder that holds MovieLens' files"
        for shape in SHAPES.values():
            for deeper in sorted(self.folder.glob(f"*/{shape.ratings}*")):
                raise DataError(f"{self.folder} holds no ratings", fix=f"give the folder below it: {deeper.parent}")
            if self._find(shape.movies):
                fix = f"copy {shape.ratings} there, beside {shape.movies}"
        raise DataError(f"{self.folder} holds no ratings: none of {names} is there (or gzipped, .gz)", fix=fix)


def _genome(files: _Files, known: np.ndarray) -> Genome | None:
    shape = files.shape
    has = [files.has(shape.scores), files.has(shape.genome_tags)]
    if not all(has):
        if any(has):
            there, absent = (shape.scores, shape.genome_tags) if has[0] else (shape.genome_tags, shape.scores)
            files.notes.append(f"{there} isn't used: {absent} is missing")
        return None
    assert shape.genome_tags  # noqa: S101 - for mypy: has[1]
    assert shape.scores  # noqa: S101
    tags = files.read(shape.genome_tags, _GENOME_TAGS)
    require_unique(tags, "tagId", fault=Fault.DUPLICATE_PAIR, what="tag {tagId} is listed")
    scores = files.read(shape.scores, _SCORES)
    require_known(scores, "tagId", tags.numbers["tagId"], tags.path.name, fault=Fault.UNKNOWN_TAG)
    require_unique(
        scores,
        "movieId",
        "tagId",
        fault=Fault.DUPLICATE_PAIR,
        what="film {movieId} is scored for tag {tagId}",
    )
    return genome_of(scores, tags, known, files.notes)


def _genre_cells(movies: Table) -> list[str]:
    if "genres" in movies.texts:
        return list(movies.texts["genres"].to_pylist())
    flags = zip(*(movies.texts[name].to_pylist() for name in GENRES_100K), strict=True)
    return [genres_of_flags(row) for row in flags]


def genres_of_flags(flags: Sequence[str | int]) -> str:
    """Genres ("Comedy|Drama") out of MovieLens 100K's 19 flags; the flag "unknown" means none."""
    pairs = zip(GENRES_100K[1:], flags[1:], strict=True)
    return "|".join(name for name, flag in pairs if str(flag).strip() == "1")


def _unpacked_size(path: Path) -> int:
    size = path.stat().st_size
    return size * _PACKED_RATIO if path.suffix == ".gz" else size
