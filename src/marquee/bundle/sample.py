"""A tiny synthetic bundle with invented films, for tests, demos without data, and a first look at the files.

`python -m marquee.bundle.sample` writes it to artifacts/sample again.
"""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.bundle.publish import write_folder
from marquee.bundle.sample_films import FILMS
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig

DIMENSIONS = 16
CREATED = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that writing the sample again changes nothing
_FIRST_TMDB_ID = 900_000_001  # far above the real ones, so that nobody shows a real film's poster
_NEIGHBORS = 10


def sample_contents() -> Bundle:
    """A bundle of invented films; films that share genres and decade lie close together. No metrics."""
    catalog = _catalog()
    vectors = _vectors(catalog)
    return Bundle(
        catalog=catalog,
        two_tower=TwoTower(
            seed_vectors=vectors,
            item_vectors=vectors * np.float32(4),
            item_bias=catalog.log_popularity * np.float32(0.1),
            hidden_weight=np.eye(DIMENSIONS, dtype=np.float32),
            hidden_bias=np.zeros(DIMENSIONS, np.float32),
        ),
        item_cf=_neighbors(vectors),
        rerank=RerankConfig(n_candidates=30),
        data=DataInfo(name="invented films", source="marquee.bundle.sample", counts={"movies": len(catalog)}),
    )


def write_sample(folder: Path) -> None:
    """Write the sample as a plain version folder, in place of what is there."""
    if folder.exists():
        shutil.rmtree(folder)
    write_folder(folder, sample_contents(), created=CREATED)


def _catalog() -> Catalog:
    n = len(FILMS)
    listed = [genres.split("|") for _, _, genres, _ in FILMS]
    names = sorted({name for genres in listed for name in genres})
    return Catalog(
        movie_ids=np.arange(1, n + 1, dtype=np.int64),
        tmdb_ids=np.arange(_FIRST_TMDB_ID, _FIRST_TMDB_ID + n, dtype=np.int64),
        titles=tuple(title for title, _, _, _ in FILMS),
        years=np.array([year for _, year, _, _ in FILMS], np.int16),
        genre_names=tuple(names),
        genres=np.array([[name in genres for name in names] for genres in listed]),
        popularity=np.array([likes for _, _, _, likes in FILMS], np.int32),
    )


def _vectors(catalog: Catalog) -> NDArray[np.float32]:
    """(n, d) float32 unit vectors: one direction per genre, one for the decade, and a little of the film's own."""
    genres = catalog.genres / catalog.genres.sum(axis=1, keepdims=True) ** 0.5
    decade = (catalog.years[:, None] - 1990.0) / 60
    own = np.random.default_rng(7).normal(scale=0.1, size=(len(catalog), DIMENSIONS))
    filler = np.zeros((len(catalog), DIMENSIONS - genres.shape[1] - 1))
    vectors = np.concatenate([genres, decade, filler], axis=1) + own
    return _unit(vectors)


def _neighbors(vectors: NDArray[np.float32]) -> ItemCF:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1.0)
    nearest = np.sort(np.argsort(-cosines, axis=1, kind="stable")[:, :_NEIGHBORS], axis=1)
    return ItemCF(
        indptr=np.arange(0, nearest.size + 1, _NEIGHBORS, dtype=np.int64),
        indices=nearest.ravel().astype(np.int32),
        values=np.take_along_axis(cosines, nearest, axis=1).ravel().astype(np.float16),
    )


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


if __name__ == "__main__":
    write_sample(Path(sys.argv[1] if len(sys.argv) > 1 else "artifacts/sample"))
