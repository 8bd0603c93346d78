"""Convert bundles of the older pickle layout without running anything that is in them.

That layout: `model.pth` (a Two-Tower with user ids, of whose item tower the normalised outputs are served; a person
is the mean of their films' vectors), scikit-learn LabelEncoders, a pandas table of the films, and TruncatedSVD
factors in an .npz file.
"""

import csv
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.errors import BundleError
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import BlendWeights, RerankConfig
from marquee_training.data.titles import split_title
from marquee_training.legacy.records import Columns, array_of, frame_of, scalar_of
from marquee_training.legacy.restricted_pickle import Record, read_npz, read_pickle_file

# The older re-ranker's weights; it ranked by the SVD's scores alone, and took only candidates from the Two-Tower.
_BLEND = {"alpha_tower": 0.0, "alpha_cf": 1.0, "beta_gen": 0.15, "gamma_year": 0.10, "delta_pop": 0.05, "tau_year": 8.0}
LEGACY_RERANK = RerankConfig(weights=BlendWeights(**_BLEND, lambda_mmr=0.80, genre_weight=0.60))

_SVD_NAMES = ("svd_ctr_raw_qk128.npz", "svd_runtime_data.npz", "svd_centered_qk*.npz", "svd*.npz")
_SAVE = "torch.save(model.state_dict(), 'model.pth')"
_BATCH = 4096  # films whose features go through the item tower at a time


def import_legacy(folder: Path, *, rerank: RerankConfig = LEGACY_RERANK) -> Bundle:
    """Convert a bundle of the older layout; `publish` the result with force, since it brings no metrics.

    The files are found in the folder or its subfolders. Needs torch (`marquee[training]`), for `model.pth`.

    Raises:
        BundleError: A file is missing, is not what it should be, or holds something that would run code.
    """
    encoder, features = _find(folder, "movie_encoder.pkl"), _find(folder, "movie_features_df.pkl")
    model, svd = _find(folder, "model.pth"), _find(folder, *_SVD_NAMES)
    optional = (("user_encoder.pkl",), ("content_feature_names.pkl",), ("link.csv", "links.csv"))
    users, names, links = (_search(folder, *one) for one in optional)
    used = [path for path in (encoder, features, model, svd, users, names, links) if path is not None]
    digest = hashlib.sha256()
    for path in sorted(used, key=lambda path: path.name):
        digest.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())

    movie_ids = _classes(encoder)
    columns = _columns(features, movie_ids)
    vectors = _item_vectors(model, _features(columns, names, model))
    return Bundle(
        catalog=_catalog(movie_ids, columns, _tmdb_ids(links) if links else {}),
        two_tower=TwoTower(vectors, vectors, np.zeros(len(vectors), np.float32), pooling="mean"),
        item_cf=ItemCF(factors=_factors(svd, movie_ids)),
        rerank=rerank,
        data=DataInfo(
            name="imported",
            source=f"older layout in {folder.name}",
            sha256=digest.hexdigest(),
            counts={"movies": len(movie_ids)} | ({"users": len(_classes(users))} if users else {}),
        ),
        config={"imported_files": sorted(path.relative_to(folder).as_posix() for path in used)},
    )


def _find(folder: Path, *names: str) -> Path:
    path = _search(folder, *names)
    if path is None:
        raise BundleError(f"{folder} holds no {' or '.join(names)}", fix="name the folder of a trained older model")
    return path


def _search(folder: Path, *names: str) -> Path | None:
    found = (min(folder.rglob(name), key=lambda path: (len(path.parts), path), default=None) for name in names)
    return next((path for path in found if path), None)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn any error into one that names the file: a damaged file can be of any shape."""
    try:
        yield
    except BundleError as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise BundleError(message, fix=error.fix) from None
    except Exception as error:
        raise BundleError(f"{path} isn't what the older layout has: {type(error).__name__}: {error}") from None


def _classes(path: Path) -> NDArray[np.int64]:
    with _reading(path):
        encoder = read_pickle_file(path)
        if not isinstance(encoder, Record) or encoder.name != "LabelEncoder" or not isinstance(encoder.state, dict):
            raise BundleError("not a LabelEncoder")
        classes = array_of(encoder.state["classes_"]).astype(np.int64)
        if classes.ndim != 1 or len(classes) == 0 or (np.diff(classes) <= 0).any():
            raise BundleError("the encoder's classes are not ascending ids")
        return classes


def _columns(path: Path, movie_ids: NDArray[np.int64]) -> Columns:
    """The table's columns, with one row per film of the encoder, in its order."""
    with _reading(path):
        index, columns = frame_of(read_pickle_file(path))
        row_of = {int(movie): row for row, movie in enumerate(index)}
        if missing := [movie for movie in movie_ids.tolist() if movie not in row_of]:
            raise BundleError(f"{path} lacks {len(missing)} films of the encoder, such as {missing[0]}")
        rows = [row_of[movie] for movie in movie_ids.tolist()]
        return {name: array[rows] for name, array in columns.items()}


def _features(columns: Columns, path: Path | None, model: Path) -> NDArray[np.float32]:
    """(n, f) float32: the columns that the file names; without it all numeric ones."""
    if path is None:
        names = [name for name, array in columns.items() if array.dtype.kind in "biuf"]
    else:
        with _reading(path):
            names = [str(name) for name in array_of(read_pickle_file(path))]
    if unknown := [name for name in names if name not in columns]:
        raise BundleError(f"the table of films lacks the feature {unknown[0]!r} that {model} was trained on")
    return np.stack([columns[name].astype(np.float32) for name in names], axis=1)


def _weights(path: Path) -> dict[str, NDArray[np.float32]]:
    import torch  # noqa: PLC0415 - slow

    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 - runs nothing
    except Exception as error:  # torch's refusals are of many kinds
        reason = str(error).strip().splitlines()
        raise BundleError(
            f"{path} isn't a file of weights alone, and nothing else in it was run: {reason[-1] if reason else ''}",
            fix=f"get the bundle again from someone you trust, with {_SAVE}",
        ) from None
    # A checkpoint has the weights in an entry of its own, beside the optimiser's state and the epoch.
    parts = [saved, *saved.values()] if isinstance(saved, Mapping) else []
    for part in parts:
        if isinstance(part, Mapping) and part and all(isinstance(value, torch.Tensor) for value in part.values()):
            return {
                str(name).removeprefix("module."): value.detach().float().numpy()  # DataParallel's prefix
                for name, value in part.items()
            }
    found = type(saved).__name__
    if isinstance(saved, Mapping):
        found += " of " + (", ".join(f"{key} ({type(value).__name__})" for key, value in saved.items()) or "nothing")
    raise BundleError(f"{path} holds a {found}, not weights by name", fix=f"save it with {_SAVE}")


def _item_vectors(path: Path, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) float32 unit outputs of the item tower: id embedding and content, through two layers each."""
    weights = _weights(path)

    def layers(prefix: str) -> tuple[NDArray[np.float32], ...]:
        return tuple(weights[f"item_tower.{prefix}.{place}.{kind}"] for place in (0, 2) for kind in ("weight", "bias"))

    try:
        embedding = weights["item_tower.movie_embed.weight"]
        content, final = layers("content_mlp"), layers("final_mlp")
    except KeyError as missing:
        raise BundleError(f"{path} lacks the weights {missing}") from None
    (n, width), expected = features.shape, content[0].shape[1]
    if len(embedding) != n or expected != width or final[0].shape[1] != embedding.shape[1] + len(content[3]):
        raise BundleError(
            f"{path} is of {len(embedding)} films with {expected} features, the other files of {n} with {width}",
            fix="take all files from the same training run",
        )
    parts = [slice(start, start + _BATCH) for start in range(0, n, _BATCH)]
    inputs = (np.concatenate([embedding[part], _apply(content, features[part])], axis=1) for part in parts)
    return _unit(np.concatenate([_apply(final, rows) for rows in inputs]))


def _apply(layers: tuple[NDArray[np.float32], ...], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear, ReLU, Linear."""
    weight1, bias1, weight2, bias2 = layers
    return np.asarray(np.maximum(x @ weight1.T + bias1, 0.0) @ weight2.T + bias2, dtype=np.float32)


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0), dtype=np.float32)


def _factors(path: Path, movie_ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, k) float32 unit factors by row of the catalogue; zeros for films that the SVD doesn't know."""
    with _reading(path):
        arrays = read_npz(path)
        factors = np.asarray(arrays["Q"], dtype=np.float32)
        if "movie_ids" in arrays:
            row_of = {int(movie): row for row, movie in enumerate(arrays["movie_ids"])}
        else:
            index = array_of(arrays["movie_index"]).item()
            row_of = {int(scalar_of(movie)): int(scalar_of(row)) for movie, row in index.items()}
        known = np.array([int(movie) in row_of for movie in movie_ids])
        aligned = np.zeros((len(movie_ids), factors.shape[1]), np.float32)
        aligned[known] = _unit(factors)[[row_of[int(movie)] for movie in movie_ids[known]]]
        return aligned


def _catalog(movie_ids: NDArray[np.int64], columns: Columns, tmdb_of: Mapping[int, int]) -> Catalog:
    n = len(movie_ids)
    raw_titles, raw_genres = (columns.get(name, np.full(n, None)) for name in ("title", "genres"))
    titles = [
        split_title(title) if isinstance(title, str) else (f"Film {movie}", 0)
        for title, movie in zip(raw_titles, movie_ids, strict=True)
    ]
    listed = [value.split("|") if isinstance(value, str) else value for value in raw_genres]
    genres = [
        [str(name) for name in own if str(name) not in ("", "(no genres listed)")]
        if isinstance(own, list | tuple)
        else []
        for own in listed
    ]
    names = sorted({name for listed in genres for name in listed})
    return Catalog(
        movie_ids=movie_ids,
        tmdb_ids=np.array([tmdb_of.get(int(movie), 0) for movie in movie_ids], np.int64),
        titles=tuple(title for title, _ in titles),
        years=np.array([year for _, year in titles], np.int16),
        genre_names=tuple(names),
        genres=np.array([[name in listed for name in names] for listed in genres], np.bool_).reshape(n, len(names)),
        popularity=np.zeros(n, np.int32),
    )


def _tmdb_ids(path: Path) -> dict[int, int]:
    with _reading(path), path.open(newline="", encoding="utf-8") as file:
        return {int(row["movieId"]): int(float(row["tmdbId"])) for row in csv.DictReader(file) if row["tmdbId"]}
