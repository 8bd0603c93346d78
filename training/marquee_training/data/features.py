"""What is known of films beside who liked them: the catalogue, and content features for the item tower."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marquee.models.catalog import Catalog
from marquee.models.columns import Numbers
from marquee_training.data.dataset import Dataset

MAX_TAGS = 200
MIN_TAGGED_FILMS = 5
GENOME_DIMENSIONS = 64
FIRST_DECADE, N_DECADES = 1900, 13


def to_catalog(dataset: Dataset, popularity: NDArray[np.int32]) -> Catalog:
    """The films of a data set, whose (n,) likes are given in their order."""
    movies = dataset.movies
    flags = movies["genres"].str.get_dummies("|").drop(columns="", errors="ignore").sort_index(axis=1)
    imdb_ids = movies.get("imdb_id", movies["movie_id"] * 0).to_numpy(np.float64)
    return Catalog(
        movie_ids=movies["movie_id"].to_numpy(np.int64),
        tmdb_ids=movies["tmdb_id"].to_numpy(np.int64),
        titles=tuple(map(str, movies["title"])),
        years=movies["year"].to_numpy(np.int16),
        genre_names=tuple(map(str, flags.columns)),
        genres=flags.to_numpy(np.bool_),
        popularity=popularity,
        columns={"imdb_id": Numbers(np.where(imdb_ids > 0, imdb_ids, np.nan))} if imdb_ids.any() else {},
    )


def most_features(dataset: Dataset) -> int:
    """About how many columns `content_matrix` will have, at most."""
    return N_DECADES + 1 + MAX_TAGS * bool(len(dataset.tags)) + GENOME_DIMENSIONS * bool(dataset.genome)


def content_matrix(dataset: Dataset, catalog: Catalog) -> tuple[NDArray[np.float32], list[str]]:
    """Features of every film, each block with rows of about unit length.

    Genres (a film's genres share one unit), decade and year, the most used tags (log counts, weighted by rarity as
    TF-IDF does), and the tag genome, cut to its GENOME_DIMENSIONS strongest directions.

    Returns:
        (n, f) float32, and the f names.
    """
    blocks = [_genres(catalog), _years(catalog), _tags(dataset, catalog), _genome(dataset, catalog)]
    features = np.concatenate([block for block, _ in blocks], axis=1).astype(np.float32)
    return features, [name for _, names in blocks for name in names]


Block = tuple[NDArray[np.float32], list[str]]


def _genres(catalog: Catalog) -> Block:
    own = catalog.genres.astype(np.float32)
    names = [f"genre:{name}" for name in catalog.genre_names]
    return own / np.sqrt(np.maximum(own.sum(axis=1, keepdims=True), 1)), names


def _years(catalog: Catalog) -> Block:
    known = catalog.years > 0
    years = catalog.years.astype(np.float32)
    decades = np.clip((catalog.years - FIRST_DECADE) // 10, 0, N_DECADES - 1)
    one_hot = np.eye(N_DECADES, dtype=np.float32)[decades] * known[:, None]
    trend = np.where(known, np.clip((years - 1990) / 20, -3, 3), 0)[:, None]
    names = ["year"] + [f"decade:{FIRST_DECADE + 10 * index}" for index in range(N_DECADES)]
    return np.concatenate([trend, one_hot], axis=1).astype(np.float32), names


def _tags(dataset: Dataset, catalog: Catalog) -> Block:
    tags = dataset.tags
    films_per_tag = tags.groupby("tag").size().sort_index()
    kept = films_per_tag[films_per_tag >= MIN_TAGGED_FILMS].nlargest(MAX_TAGS, keep="first").index.sort_values()
    matrix = np.zeros((len(catalog), len(kept)), dtype=np.float32)
    used = tags[tags["tag"].isin(kept)]
    rows = np.searchsorted(catalog.movie_ids, used["movie_id"].to_numpy())
    matrix[rows, kept.get_indexer(pd.Index(used["tag"]))] = np.log1p(used["count"].to_numpy(np.float32))
    matrix *= np.log(len(catalog) / np.maximum((matrix > 0).sum(axis=0), 1)).astype(np.float32)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.divide(matrix, norms, out=matrix, where=norms > 0), [f"tag:{tag}" for tag in kept]


def _genome(dataset: Dataset, catalog: Catalog) -> Block:
    genome = dataset.genome
    if genome is None:
        return np.zeros((len(catalog), 0), dtype=np.float32), []
    centered = genome.relevance - genome.relevance.mean(axis=0)
    # Principal directions by the tags' covariance: t by t, however many films there are.
    values, vectors = np.linalg.eigh((centered.T @ centered).astype(np.float64))
    d = min(GENOME_DIMENSIONS, len(genome.tags))
    strongest = vectors[:, np.argsort(-values)[:d]]
    strongest *= np.sign(strongest[np.abs(strongest).argmax(axis=0), np.arange(d)])  # eigenvectors have no sign
    scores = (centered @ strongest.astype(np.float32)).astype(np.float32)
    scores /= max(float(np.linalg.norm(scores, axis=1).mean()), 1e-6)
    matrix = np.zeros((len(catalog), d), dtype=np.float32)
    matrix[np.searchsorted(catalog.movie_ids, genome.movie_ids)] = scores
    return matrix, [f"genome:{index}" for index in range(d)]
