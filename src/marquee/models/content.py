"""Content features of a catalogue's items: genres, years and further columns."""

import numpy as np
from numpy.typing import NDArray

from marquee.models import Array, Rows
from marquee.models.catalog import Catalog
from marquee.models.columns import Column, Numbers

MAX_WORDS = 200
MIN_ITEMS = 5
FIRST_DECADE, N_DECADES = 1900, 13
L2 = 1.0

Block = tuple[Array, list[str]]
"""(n, f) float32 features, with rows of about unit length, and the f names."""


def genre_features(catalog: Catalog) -> Block:
    """A flag for each genre; an item's genres share one unit."""
    own = catalog.genres.astype(np.float32)
    names = [f"genre:{name}" for name in catalog.genre_names]
    return own / np.sqrt(np.maximum(own.sum(axis=1, keepdims=True), 1)), names


def year_features(catalog: Catalog) -> Block:
    """The decade as a flag, and the year as a number."""
    known = catalog.years > 0
    years = catalog.years.astype(np.float32)
    decades = np.clip((catalog.years - FIRST_DECADE) // 10, 0, N_DECADES - 1)
    one_hot = np.eye(N_DECADES, dtype=np.float32)[decades] * known[:, None]
    trend = np.where(known, np.clip((years - 1990) / 20, -3, 3), 0)[:, None]
    names = ["year"] + [f"decade:{FIRST_DECADE + 10 * index}" for index in range(N_DECADES)]
    return np.concatenate([trend, one_hot], axis=1).astype(np.float32), names


def column_features(name: str, column: Column, n: int | None = None) -> Block:
    """Of words the most used as flags, weighted by rarity; of numbers the rank, from -1 to 1, 0 where unknown.

    Use, rarity and rank are those among the first `n` items, by default all.
    """
    n = len(column) if n is None else n
    if isinstance(column, Numbers):
        return _ranks(column.values, n)[:, None], [name]
    counts = np.bincount(column.indices[: column.indptr[n]], minlength=len(column.names))
    used = np.flatnonzero(counts >= MIN_ITEMS)
    kept = np.sort(used[np.argsort(-counts[used], kind="stable")[:MAX_WORDS]])
    at = np.full(len(counts), -1)
    at[kept] = np.arange(len(kept))
    rows, places = column.rows, at[column.indices]
    matrix = np.zeros((len(column), len(kept)), dtype=np.float32)
    matrix[rows[places >= 0], places[places >= 0]] = 1
    matrix *= np.log(n / np.maximum(counts[kept], 1)).astype(np.float32)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.divide(matrix, norms, out=matrix, where=norms > 0), [f"{name}:{column.names[index]}" for index in kept]


def catalog_features(catalog: Catalog, measure: Catalog) -> Array:
    """(m, f) float32: what the catalogue itself says of its items, and a constant, as features of a `measure`.

    That is the same catalogue, or the one that it extends.
    """
    genres, names = genre_features(catalog)
    of_measure = [names.index(f"genre:{name}") for name in measure.genre_names]
    blocks = [genres[:, of_measure], year_features(catalog)[0]]
    blocks += [
        column_features(name, catalog.columns[name], len(measure))[0] for name in measure.columns if name != "imdb_id"
    ]
    return np.concatenate([*blocks, np.ones((len(catalog), 1))], axis=1).astype(np.float32)


def mixtures(content: Array, fitted: Rows) -> NDArray[np.float64]:
    """(c, f) float64 shares of c fitted items in f mixtures, by the (n, f) content of all, which ends with a constant.

    The parameters of any item are the mixtures' times its content. Ridge regression of the parameters on the content
    in closed form, as in Z. Gantner et al., "Learning attribute-to-feature mappings for cold-start recommendations",
    ICDM 2010.
    """
    known = content[fitted].astype(np.float64)
    penalty = np.diag([L2] * (content.shape[1] - 1) + [1e-6])  # spares the constant
    return np.asarray(np.linalg.solve(known.T @ known + penalty, known.T).T)


def _ranks(values: NDArray[np.float64], n: int) -> Array:
    """Ranks from -1 to 1 among the first n values, equal values by their mean rank; 0 where unknown."""
    known = ~np.isnan(values)
    measure = np.sort(values[:n][known[:n]])
    ranks = np.zeros(len(values), dtype=np.float32)
    below, upto = (np.searchsorted(measure, values[known], side=side) for side in ("left", "right"))
    ranks[known] = (below + np.maximum(upto, below + 1) + 1) / 2 / max(len(measure), 1) * 2 - 1
    return ranks
