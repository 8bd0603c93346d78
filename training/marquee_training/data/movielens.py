"""Read a folder of MovieLens files, of any generation, into a `Dataset`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from marquee.errors import DataError
from marquee_training.data.dataset import Dataset, Genome
from marquee_training.data.read_csv import CSV, Columns, Layout, Table, read_table, require_known, require_unique
from marquee_training.data.row_errors import Kind
from marquee_training.data.titles import split_title
from marquee_training.progress import ByteProgress

NO_GENRES = "(no genres listed)"
_RENAMED_GENRES = {"Children's": "Children"}  # the name of 1998 and 2003, and today's
_GZIP_RATIO = 4  # about; only the progress bar depends on it
_RATINGS: Columns = {"userId": Kind.ID, "movieId": Kind.ID, "rating": Kind.RATING, "timestamp": Kind.SECONDS}
_MOVIES: Columns = {"movieId": Kind.ID, "title": Kind.TITLE, "genres": Kind.TEXT}
_LINKS: Columns = {"movieId": Kind.ID, "tmdbId": Kind.OPTIONAL_ID}
_TAGS: Columns = {"userId": Kind.ID, "movieId": Kind.ID, "tag": Kind.TEXT}
_SCORES: Columns = {"movieId": Kind.ID, "tagId": Kind.ID, "relevance": Kind.SHARE}
_GENOME_TAGS: Columns = {"tagId": Kind.ID, "tag": Kind.TITLE}

# The columns of 100K's u.item after the first five, in the order of its u.genre.
GENRES_100K: Final = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary"),
    *("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi"),
    *("Thriller", "War", "Western"),
)


@dataclass(frozen=True)
class Shape:
    """Names and layouts of the files of one generation of MovieLens; None = it has no such file."""

    ratings: str
    movies: str
    links: str | None = None
    tags: str | None = None
    scores: str | None = None
    genome_tags: str | None = None
    ratings_layout: Layout = CSV
    movies_layout: Layout = CSV
    movies_columns: Columns = field(default_factory=lambda: _MOVIES)


SHAPES: Final = {
    "latest": Shape("ratings.csv", "movies.csv", "links.csv", "tags.csv", "genome-scores.csv", "genome-tags.csv"),
    "kaggle": Shape("rating.csv", "movie.csv", "link.csv", "tag.csv", "genome_scores.csv", "genome_tags.csv"),
    "1m": Shape(
        "ratings.dat",
        "movies.dat",
        ratings_layout=Layout("::", tuple(_RATINGS)),
        movies_layout=Layout("::", tuple(_MOVIES), latin1=True),
    ),
    "100k": Shape(
        "u.data",
        "u.item",
        ratings_layout=Layout("\t", tuple(_RATINGS)),
        movies_layout=Layout("|", ("movieId", "title", "date", "video", "url", *GENRES_100K), latin1=True),
        movies_columns={"movieId": Kind.ID, "title": Kind.TITLE} | dict.fromkeys(GENRES_100K, Kind.TEXT),
    ),
}


def load_movielens(folder: Path, *, progress: bool | None = None) -> Dataset:
    """Read and check the MovieLens files in a folder; each may be gzipped (`.csv.gz`).

    Args:
        folder: Where the files are; their names tell the shape.
        progress: Whether to show progress; None = once it takes a while.

    Returns:
        The data; `notes` lists everything that was left out.

    Raises:
        DataError: A file is missing or breaks a rule; the message names the line and the fix.
    """
    files = _Files(folder, progress=progress)
    shape, notes = files.shape, files.notes
    with files.progress:
        movies = files.read(shape.movies, shape.movies_columns, shape.movies_layout)
        require_unique(movies, "movieId", what="film {movieId} is listed", fix="keep one row per film")
        known = movies.numbers["movieId"]
        ratings = files.read(shape.ratings, _RATINGS, shape.ratings_layout)
        fix = f"add the film to {movies.path.name}, or remove its ratings"
        require_known(ratings, "movieId", known, movies.path.name, fix=fix)
        fix = "keep one of the rows, such as the later one: a person rates a film once"
        require_unique(ratings, "userId", "movieId", what="user {userId} rates film {movieId}", fix=fix)
        tmdb_ids = files.read_tmdb_ids(known)
        tags = files.read_tags(known)
        genome = files.read_genome(known)
    if "genres" in movies.texts:
        genres = movies.texts["genres"].to_pylist()
    else:
        flags = zip(*(movies.texts[name].to_pylist() for name in GENRES_100K), strict=True)
        genres = [_genres_of_flags(row) for row in flags]
    return Dataset(
        name=folder.resolve().name,
        source=str(folder),
        ratings=ratings_frame(*(ratings.numbers[name] for name in _RATINGS)),
        movies=movies_frame(known, movies.texts["title"].to_pylist(), genres, tmdb_ids),
        tags=tags,
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
        found = [path for name in vars(self.shape).values() if isinstance(name, str) and (path := self._find(name))]
        total = sum(path.stat().st_size * (_GZIP_RATIO if path.suffix == ".gz" else 1) for path in found)
        self.progress = ByteProgress(f"reading {folder.resolve().name}", total, show=progress)
        self._hashes: dict[str, str] = {}

    def read(self, name: str, columns: Columns, layout: Layout = CSV, *, may_be_empty: bool = False) -> Table:
        path = self._find(name)
        if path is None:
            fix = f"copy {name} (or {name}.gz) there; it comes with {self.shape.ratings}"
            raise DataError(f"{self.folder / name} is missing", fix=fix)
        if path.suffix != ".gz" and (self.folder / f"{name}.gz").exists():
            self.notes.append(f"{name}.gz isn't read, since {name} is there too")
        table = read_table(path, columns, layout, may_be_empty=may_be_empty, advance=self.progress.advance)
        if table.is_cut:
            self.notes.append(
                f"{path.name}: the last line has no line end; if the copy is incomplete, its last value is cut"
            )
        self._hashes[name] = table.sha256
        return table

    def read_tmdb_ids(self, known: NDArray[Any]) -> dict[int, int]:
        """TMDB ids by MovieLens id, out of links.csv."""
        if not self._find(self.shape.links):
            return {}
        table = self.read(str(self.shape.links), _LINKS, may_be_empty=True)
        require_unique(table, "movieId", what="film {movieId} is linked", fix="keep one row per film")
        movies, ids = table.numbers["movieId"], table.numbers["tmdbId"]
        listed = self._listed(table, movies, known, "links of {} films that the films' file lacks left out (harmless)")
        used = listed & (ids > 0)
        return dict(zip(movies[used].tolist(), ids[used].tolist(), strict=True))

    def read_tags(self, known: NDArray[Any]) -> pd.DataFrame:
        """How many people gave a film a tag; tags differ by more than case and spaces."""
        if not self._find(self.shape.tags):
            return no_tags()
        table = self.read(str(self.shape.tags), _TAGS, may_be_empty=True)
        tag = table.texts["tag"].to_pandas().str.strip().str.lower()
        if blank := pc.sum(pc.equal(pc.utf8_trim_whitespace(table.texts["tag"]), "")).as_py():
            self.notes.append(f"{table.path.name}: {blank:,} rows with an empty tag left out")
        movies = table.numbers["movieId"]
        listed = self._listed(table, movies, known, "{} tags of films that the films' file lacks left out")
        rows = pd.DataFrame({"movie_id": movies, "tag": tag, "user": table.numbers["userId"]})
        rows = rows[listed & (rows["tag"] != "")].drop_duplicates()
        if rows.empty:
            return no_tags()
        counts = rows.groupby(["movie_id", "tag"], sort=True).size().astype(np.int32)
        return counts.rename("count").reset_index()

    def read_genome(self, known: NDArray[Any]) -> Genome | None:
        """The tag genome as a matrix; a (film, tag) pair that the file lacks counts as 0."""
        names = self.shape.scores, self.shape.genome_tags
        present = [name for name in names if name and self._find(name)]
        if len(present) == 1:
            absent = next(name for name in names if name not in present)
            self.notes.append(f"{present[0]} isn't used: {absent} is missing")
        if len(present) < 2:
            return None
        tags = self.read(present[1], _GENOME_TAGS)
        keep_one = "keep one row per film and tag"
        require_unique(tags, "tagId", what="tag {tagId} is listed", fix=keep_one)
        scores = self.read(present[0], _SCORES)
        fix = f"add the tag to {tags.path.name}, or remove its rows"
        require_known(scores, "tagId", tags.numbers["tagId"], tags.path.name, fix=fix)
        require_unique(scores, "movieId", "tagId", what="film {movieId} is scored for tag {tagId}", fix=keep_one)

        tag_order = np.argsort(tags.numbers["tagId"], kind="stable")
        movies, rows = np.unique(scores.numbers["movieId"], return_inverse=True)
        matrix = np.zeros((len(movies), len(tag_order)), dtype=np.float32)
        columns = np.searchsorted(tags.numbers["tagId"][tag_order], scores.numbers["tagId"])
        matrix[rows, columns] = scores.numbers["relevance"]
        listed = self._listed(scores, movies, known, "{} films that the films' file lacks left out (harmless)")
        scored = int(listed[rows].sum())
        movies, matrix = movies[listed], matrix[listed]
        if missing := matrix.size - scored:
            self.notes.append(f"{scores.path.name}: {missing:,} pairs of film and tag missing, taken as relevance 0")
        tag_names = tags.texts["tag"].to_pylist()
        return Genome(movies.astype(np.int64), tuple(tag_names[at] for at in tag_order), matrix)

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

    def _find(self, name: str | None) -> Path | None:
        paths = (self.folder / name, self.folder / f"{name}.gz") if name else ()
        return next((path for path in paths if path.is_file()), None)

    def _shape(self) -> Shape:
        found = [shape for shape in SHAPES.values() if self._find(shape.ratings)]
        if found:
            if others := ", ".join(shape.ratings for shape in found[1:]):
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


def ratings_frame(
    user_id: NDArray[Any], movie_id: NDArray[Any], rating: NDArray[Any], timestamp: NDArray[Any]
) -> pd.DataFrame:
    """`Dataset.ratings` of (n,) arrays, without a copy where the types fit."""
    columns = {
        "user_id": user_id.astype(np.int32, copy=False),
        "movie_id": movie_id.astype(np.int32, copy=False),
        "rating": rating.astype(np.float32, copy=False),
        "timestamp": timestamp.astype(np.int64, copy=False),
    }
    return pd.DataFrame(columns, copy=False)


def movies_frame(
    movie_id: NDArray[Any], titles: Sequence[str], genres: Sequence[str], tmdb_ids: dict[int, int]
) -> pd.DataFrame:
    """`Dataset.movies` of MovieLens' raw titles ("Matrix, The (1999)") and genres ("Action|Sci-Fi")."""
    split = [split_title(title) for title in titles]
    movies = pd.DataFrame(
        {
            "movie_id": movie_id.astype(np.int32),
            "title": pd.Series([title for title, _ in split], dtype="str"),
            "year": np.array([year for _, year in split], dtype=np.int16),
            "genres": pd.Series([_genres(names) for names in genres], dtype="str"),
            "tmdb_id": np.array([tmdb_ids.get(int(movie), 0) for movie in movie_id], dtype=np.int64),
        }
    )
    return movies.sort_values("movie_id", ignore_index=True)


def no_tags() -> pd.DataFrame:
    """`Dataset.tags` of a data set that has none."""
    columns = {"movie_id": np.empty(0, np.int32), "tag": pd.Series([], dtype="str"), "count": np.empty(0, np.int32)}
    return pd.DataFrame(columns)


def _genres(names: str) -> str:
    if names.strip() in ("", NO_GENRES):
        return ""
    parts = (part.strip() for part in names.split("|"))
    return "|".join(dict.fromkeys(_RENAMED_GENRES.get(part, part) for part in parts if part))


def _genres_of_flags(flags: Sequence[str]) -> str:
    """Genres ("Comedy|Drama") of 100K's 19 flags; the flag "unknown" means none."""
    pairs = zip(GENRES_100K[1:], flags[1:], strict=True)
    return "|".join(name for name, flag in pairs if flag.strip() == "1")
