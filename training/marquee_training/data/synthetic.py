"""Invented ratings that a recommender can learn from, of any size, the same for the same arguments.

People and films have a low-rank taste; a film's popularity follows a power law; whom a film attracts follows taste.
"""

import hashlib
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from marquee.errors import DataError
from marquee_training.data.dataset import Dataset, Genome
from marquee_training.data.movielens import GENRES_100K, NO_GENRES, RENAMED_GENRES, SHAPES, ratings_frame
from marquee_training.data.titles import filing_order

TASTES = 12
GENRES = [RENAMED_GENRES.get(name, name) for name in GENRES_100K[1:]]
TAGS = (
    "atmospheric|based on a book|coming of age|cult film|dark|dystopia|feel-good|funny|heist|slow|space|"
    "stylish|surreal|suspense|thought-provoking|time travel|true story|twist ending|visually striking|witty"
).split("|")
# A title has a part of each line.
_TITLE_PARTS = (
    "Amber|Broken|Crimson|Distant|Electric|Fallen|Gilded|Hidden|Iron|Last|Midnight|Northern|Paper|Quiet|Silver",
    "Anchor|Bridge|Circus|Dream|Empire|Frontier|Garden|Harbor|Island|Journey|Kingdom|Lantern|Mirror|Orchard|River",
    "at Dawn|in Winter|of Glass|of the Valley|on Fire|Rising|Returns|under Stars|without End|for Two",
)
_BLOCK = 4096  # people at once
_ROWS = 1_000_000  # ratings written at once


def synthesize(
    n_users: int = 600, n_movies: int = 1200, n_ratings: int = 60_000, seed: int = 0, *, genome: bool = True
) -> Dataset:
    """Make up a data set, the same for the same arguments; each person rates at least one film.

    `n_ratings` is nearly met where they are sparse, and not reached on dense sets.

    Raises:
        DataError: More ratings than half of all pairs, or no people or films.
    """
    if min(n_users, n_movies) < 2 or not n_users <= n_ratings <= n_users * n_movies // 2:
        raise DataError(
            f"{n_ratings:,} ratings of {n_movies:,} films by {n_users:,} people can't be made up",
            fix="ask for at least one rating a person, and at most half of all pairs",
        )
    rng = np.random.default_rng(seed)
    tastes = rng.normal(size=(n_movies, TASTES)).astype(np.float32)
    people = rng.normal(size=(n_users, TASTES)).astype(np.float32)
    popularity = rng.permutation(np.arange(1, n_movies + 1) ** -0.8).astype(np.float32)
    ratings = _ratings(rng, people, tastes, np.log(popularity), n_ratings)
    arguments = {"users": n_users, "movies": n_movies, "ratings": n_ratings, "seed": seed, "genome": genome, "v": 2}
    ids = np.arange(1, n_movies + 1, dtype=np.int32)
    pull = 1.5 * tastes @ rng.normal(size=(TASTES, len(TAGS))).astype(np.float32) / TASTES**0.5
    strength = (1 / (1 + np.exp(-pull))).astype(np.float32)
    counts = np.round(40 * strength**4 * (popularity / popularity.max())[:, None] ** 0.5).astype(np.int32)
    films, tags = np.nonzero(counts)
    given = {"movie_id": ids[films], "tag": np.array(TAGS, dtype=object)[tags], "count": counts[films, tags]}
    return Dataset(
        name=f"synthetic-{seed}",
        source=f"synthetic seed={seed}",
        ratings=ratings,
        movies=_movies(rng, tastes, ids),
        tags=pd.DataFrame(given),
        genome=Genome(ids.astype(np.int64), tuple(TAGS), strength) if genome else None,
        sha256=hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest(),
        notes=("SYNTHETIC: invented films and people; recommendations mean nothing",),
    )


def _ratings(
    rng: np.random.Generator,
    people: NDArray[np.float32],
    tastes: NDArray[np.float32],
    log_popularity: NDArray[np.float32],
    n_ratings: int,
) -> pd.DataFrame:
    n_users, n_movies = len(people), len(tastes)
    # Some rate a lot, most a little; the sum is n_ratings, up to the cap of half the films.
    wanted = rng.lognormal(0, 0.9, n_users)
    counts = np.clip(np.round(wanted * n_ratings / wanted.sum()), 1, n_movies // 2).astype(np.int64)
    block = max(1, min(_BLOCK, 50_000_000 // n_movies))  # bounded memory: a block of people times all films
    users, movies, stars = [], [], []
    for start in range(0, n_users, block):
        rows = slice(start, start + block)
        affinity = people[rows] @ tastes.T / np.float32(TASTES**0.5)
        # An exponential race: the first k arrivals, at rates that are the weights, are k films drawn without
        # replacement. Person by person, since some watch a hundred times as much as others.
        arrival = rng.standard_exponential(affinity.shape, dtype=np.float32)
        arrival *= np.exp(-1.3 * affinity - log_popularity)
        first = [np.argpartition(row, k - 1)[:k] for row, k in zip(arrival, counts[rows], strict=True)]
        drawn = np.concatenate([own[np.argsort(row[own])] for row, own in zip(arrival, first, strict=True)])
        watchers = np.repeat(np.arange(len(affinity)), counts[rows])
        liking = affinity[watchers, drawn]
        value = 3.0 + 0.9 * liking + rng.normal(0, 0.6, len(liking))
        users.append((start + watchers + 1).astype(np.int32))
        movies.append((drawn + 1).astype(np.int32))
        stars.append(np.clip(np.round(value * 2) / 2, 0.5, 5).astype(np.float32))
    columns: list[NDArray[Any]] = [np.concatenate(parts) for parts in (users, movies, stars)]
    columns.append(1_000_000_000 + np.sort(rng.integers(0, 500_000_000, len(columns[0]))))
    return ratings_frame(*columns)


def _movies(rng: np.random.Generator, tastes: NDArray[np.float32], ids: NDArray[np.int32]) -> pd.DataFrame:
    n = len(ids)
    pull = tastes @ rng.normal(size=(TASTES, len(GENRES))).astype(np.float32) / TASTES**0.5
    n_genres = rng.integers(1, 4, n)
    ranked = np.argsort(-pull, axis=1)
    genres = ["|".join(sorted(GENRES[g] for g in ranked[row, : n_genres[row]])) for row in range(n)]
    names = [" ".join(parts) for parts in product(*(part.split("|") for part in _TITLE_PARTS))]
    return pd.DataFrame(
        {
            "movie_id": ids,
            "title": different_titles(rng.permutation(names).tolist(), n),
            "year": (2020 - rng.gamma(2.0, 12.0, n)).clip(1920).astype(np.int16),
            "genres": genres,
            # One film in twenty has none, as in the real links.
            "tmdb_id": np.where(rng.random(n) < 0.05, 0, 10_000_000 + ids.astype(np.int64)),
            "imdb_id": 90_000_000 + ids.astype(np.int64),
        }
    )


def different_titles(titles: Sequence[str], n: int) -> list[str]:
    """N titles: the given ones, repeated with a number where they are fewer."""
    return [titles[i % len(titles)] + (f" {i // len(titles) + 1}" if i >= len(titles) else "") for i in range(n)]


def write_movielens(dataset: Dataset, folder: Path, shape: str = "latest") -> None:
    """Write a data set as the files of one generation of MovieLens.

    The shape is "latest", "kaggle" (times as text) or "1m" (`::`, Latin-1, without links, tags and genome).

    Raises:
        DataError: No such shape.
    """
    if shape not in ("latest", "kaggle", "1m"):
        raise DataError(f"no shape is called {shape!r}", fix="use latest, kaggle or 1m")
    paths = {role: folder / file_format.name for role, file_format in SHAPES[shape].items()}
    films, genome = dataset.movies, dataset.genome
    folder.mkdir(parents=True, exist_ok=True)
    _write_ratings(paths["ratings"], dataset.ratings, SHAPES[shape]["ratings"].delimiter, text_time=shape == "kaggle")
    titles = [filing_order(title, year) for title, year in zip(films["title"], films["year"], strict=True)]
    genres = films["genres"].where(films["genres"] != "", NO_GENRES)
    movies = pd.DataFrame({"movieId": films["movie_id"], "title": titles, "genres": genres})
    if shape == "1m":
        lines = movies.astype(str).agg("::".join, axis=1)
        paths["movies"].write_text("\n".join(lines) + "\n", "latin-1")
        return
    tmdb_ids = films["tmdb_id"].where(films["tmdb_id"] > 0).astype("Int64")
    tags = dataset.tags.loc[dataset.tags.index.repeat(dataset.tags["count"])]
    people = tags.groupby(["movie_id", "tag"]).cumcount() + 1
    time = dataset.ratings["timestamp"].iloc[0]
    given = {"userId": people, "movieId": tags["movie_id"], "tag": tags["tag"], "timestamp": time}
    links = {
        "movieId": films["movie_id"],
        "imdbId": [f"{number:07d}" if number else "" for number in films["imdb_id"]],
        "tmdbId": tmdb_ids,
    }
    tables = {"movies": movies, "links": pd.DataFrame(links), "tags": pd.DataFrame(given)}
    if genome is not None:
        n, t = genome.relevance.shape
        tag_ids = np.arange(1, t + 1)
        scores = {"movieId": np.repeat(genome.movie_ids, t), "tagId": np.tile(tag_ids, n)}
        tables["scores"] = pd.DataFrame(scores | {"relevance": genome.relevance.ravel()})
        tables["genome_tags"] = pd.DataFrame({"tagId": tag_ids, "tag": genome.tags})
    for role, table in tables.items():
        table.to_csv(paths[role], index=False)


def _write_ratings(path: Path, ratings: pd.DataFrame, delimiter: str, *, text_time: bool) -> None:
    """Arrow writes twenty million rows in seconds, where pandas takes minutes and ten times the memory."""
    types = [pa.int32(), pa.int32(), pa.float32(), pa.timestamp("s") if text_time else pa.int64()]
    options = arrow_csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    with path.open("wb") as file:
        if delimiter == ",":
            file.write(b"userId,movieId,rating,timestamp\n")
        for start in range(0, len(ratings), _ROWS):
            part = ratings.iloc[start : start + _ROWS]
            cells = [pa.array(part[name].to_numpy()).cast(kind) for name, kind in zip(part, types, strict=True)]
            buffer = pa.BufferOutputStream()
            arrow_csv.write_csv(pa.table(cells, names=list(part)), buffer, options)
            file.write(buffer.getvalue().to_pybytes().replace(b"\t", delimiter.encode()))
