"""What is known of films beside who liked them: the catalogue, and content features for the item tower."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marquee.models.catalog import Catalog
from marquee.models.columns import Labels, Numbers
from marquee.models.content import (
    MAX_WORDS,
    MIN_ITEMS,
    N_DECADES,
    Block,
    column_features,
    genre_features,
    year_features,
)
from marquee_training.data.dataset import Dataset

GENOME_DIMENSIONS = 64
TEXT_DIMENSIONS = 64


def to_catalog(dataset: Dataset, popularity: NDArray[np.int32]) -> Catalog:
    """The films of a data set, whose (n,) likes are given in their order."""
    movies = dataset.movies
    own = Labels.of([[name for name in names.split("|") if name] for names in movies["genres"]])
    columns = dict(dataset.columns)
    if (imdb_ids := movies["imdb_id"].to_numpy(np.float64)).any():
        columns["imdb_id"] = Numbers(np.where(imdb_ids > 0, imdb_ids, np.nan))
    return Catalog(
        movie_ids=movies["movie_id"].to_numpy(np.int64),
        tmdb_ids=movies["tmdb_id"].to_numpy(np.int64),
        titles=tuple(map(str, movies["title"])),
        years=movies["year"].to_numpy(np.int16),
        genre_names=own.names,
        genres=own.flags,
        popularity=popularity,
        item_ids=dataset.item_ids,
        columns=columns,
        noun=dataset.noun,
    )


def most_features(dataset: Dataset) -> int:
    """About how many columns `content_matrix` will have, at most."""
    blocks = GENOME_DIMENSIONS * bool(dataset.genome) + TEXT_DIMENSIONS * bool(dataset.texts)
    return N_DECADES + 1 + MAX_WORDS * (bool(len(dataset.tags)) + len(dataset.columns)) + blocks


def content_matrix(dataset: Dataset, catalog: Catalog) -> tuple[NDArray[np.float32], list[str]]:
    """Features of every film, each block with rows of about unit length.

    Genres (a film's genres share one unit), decade and year, the most used tags (log counts, weighted by rarity as
    TF-IDF does), the tag genome, cut to its GENOME_DIMENSIONS strongest directions, a team's own columns, and texts by
    latent semantic analysis.

    Returns:
        (n, f) float32, and the f names.
    """
    blocks = [genre_features(catalog), year_features(catalog), _tags(dataset, catalog), _genome(dataset, catalog)]
    blocks += [column_features(name, column) for name, column in dataset.columns.items()]
    if dataset.texts:
        blocks.append(_texts(dataset.texts))
    features = np.concatenate([block for block, _ in blocks], axis=1).astype(np.float32)
    return features, [name for _, names in blocks for name in names]


def _tags(dataset: Dataset, catalog: Catalog) -> Block:
    tags = dataset.tags
    films_per_tag = tags.groupby("tag").size().sort_index()
    kept = films_per_tag[films_per_tag >= MIN_ITEMS].nlargest(MAX_WORDS, keep="first").index.sort_values()
    matrix = np.zeros((len(catalog), len(kept)), dtype=np.float32)
    used = tags[tags["tag"].isin(kept)]
    rows = np.searchsorted(catalog.movie_ids, used["movie_id"].to_numpy())
    matrix[rows, kept.get_indexer(pd.Index(used["tag"]))] = np.log1p(used["count"].to_numpy(np.float32))
    matrix *= np.log(len(catalog) / np.maximum((matrix > 0).sum(axis=0), 1)).astype(np.float32)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.divide(matrix, norms, out=matrix, where=norms > 0), [f"tag:{tag}" for tag in kept]


def _texts(texts: Sequence[str]) -> Block:
    from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415 - takes seconds to import
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    try:
        words = TfidfVectorizer(min_df=2, max_features=20_000, sublinear_tf=True, dtype=np.float32).fit_transform(texts)
    except ValueError:  # no word is in two texts
        return np.zeros((len(texts), 0), dtype=np.float32), []
    d = min(TEXT_DIMENSIONS, *words.shape)
    vectors = TruncatedSVD(d, random_state=0).fit_transform(words)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=vectors, where=norms > 0), [f"text:{index}" for index in range(d)]


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
