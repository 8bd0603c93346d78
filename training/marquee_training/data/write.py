"""Write a data set in MovieLens' shapes: for tests, and to measure reading at any size."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from marquee_training.data.dataset import Dataset
from marquee_training.data.titles import filing_order
from marquee.errors import DataError

_NAMES = {
    "latest": ("ratings.csv", "movies.csv", "links.csv", "tags.csv", "genome-scores.csv", "genome-tags.csv"),
    "kaggle": ("rating.csv", "movie.csv", "link.csv", "tag.csv", "genome_scores.csv", "genome_tags.csv"),
}
_ROWS = 1_000_000
_NO_GENRES = "(no genres listed)"


def write_movielens(dataset: Dataset, folder: Path, shape: str = "latest") -> None:
    """Write the files of one generation of MovieLens.

    Args:
        dataset: What to write. ML-1M's shape has no links, tags or genome.
        folder: Made if it is missing.
        shape: "latest", "kaggle" (text timestamps) or "1m" (`::`, Latin-1).

    Raises:
        DataError: No such shape.
    """
    folder.mkdir(parents=True, exist_ok=True)
    movies = pd.DataFrame(
        {
            "movieId": dataset.movies["movie_id"],
            "title": [
                filing_order(title, year)
                for title, year in zip(dataset.movies["title"], dataset.movies["year"], strict=True)
            ],
            "genres": dataset.movies["genres"].where(dataset.movies["genres"] != "", _NO_GENRES),
        }
    )
    if shape == "1m":
        _write_ratings(folder / "ratings.dat", dataset.ratings, delimiter=b"::")
        lines = movies.astype(str).agg("::".join, axis=1)
        (folder / "movies.dat").write_text("\n".join(lines) + "\n", "latin-1")
        return
    if shape not in _NAMES:
        raise DataError(f"no shape is called {shape!r}", fix="use latest, kaggle or 1m")
    names = _NAMES[shape]
    _write_ratings(folder / names[0], dataset.ratings, text_time=shape == "kaggle")
    movies.to_csv(folder / names[1], index=False)
    tmdb = dataset.movies["tmdb_id"]
    links = pd.DataFrame(
        {"movieId": movies["movieId"], "imdbId": "0000001", "tmdbId": tmdb.where(tmdb > 0).astype("Int64")}
    )
    links.to_csv(folder / names[2], index=False)
    tags = dataset.tags.loc[dataset.tags.index.repeat(dataset.tags["count"])]
    people = tags.groupby(["movie_id", "tag"]).cumcount() + 1
    pd.DataFrame(
        {
            "userId": people,
            "movieId": tags["movie_id"],
            "tag": tags["tag"],
            "timestamp": dataset.ratings["timestamp"].iloc[0],
        }
    ).to_csv(folder / names[3], index=False)
    if dataset.genome is not None:
        n, t = dataset.genome.relevance.shape
        scores = {
            "movieId": np.repeat(dataset.genome.movie_ids, t),
            "tagId": np.tile(np.arange(1, t + 1), n),
            "relevance": dataset.genome.relevance.ravel(),
        }
        pd.DataFrame(scores).to_csv(folder / names[4], index=False)
        tag_names = {"tagId": np.arange(1, t + 1), "tag": dataset.genome.tags}
        pd.DataFrame(tag_names).to_csv(folder / names[5], index=False)


def _write_ratings(path: Path, ratings: pd.DataFrame, *, delimiter: bytes = b",", text_time: bool = False) -> None:
    """Arrow writes twenty million rows in seconds, where pandas takes minutes and ten times the memory."""
    types = [pa.int32(), pa.int32(), pa.float32(), pa.timestamp("s") if text_time else pa.int64()]
    options = arrow_csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    with path.open("wb") as file:
        if delimiter == b",":
            file.write(b"userId,movieId,rating,timestamp\n")
        for start in range(0, len(ratings), _ROWS):
            part = ratings.iloc[start : start + _ROWS]
            cells = [pa.array(part[name].to_numpy()).cast(kind) for name, kind in zip(part, types, strict=True)]
            buffer = pa.BufferOutputStream()
            arrow_csv.write_csv(pa.table(cells, names=list(part)), buffer, options)
            file.write(buffer.getvalue().to_pybytes().replace(b"\t", delimiter))
