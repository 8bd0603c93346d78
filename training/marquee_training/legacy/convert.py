"""Bundles of the older pickle layout, converted without running anything that is in them.

That layout: `model.pth` (a Two-Tower with user ids, of whose item tower the normalised outputs are served; a person
is the mean of their films' vectors), scikit-learn LabelEncoders, a pandas table of the films, and TruncatedSVD
factors in an .npz file.
"""

import csv
import hashlib
from collections.abc import Mapping, Sequence
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
from marquee_training.legacy.records import Frame, array_of, frame_of, scalar_of
from marquee_training.legacy.restricted_pickle import Record, read_npz, read_pickle_file

# The older re-ranker's dials; it ranked by the SVD's scores alone, and took only candidates from the Two-Tower.
LEGACY_RERANK = RerankConfig(
    weights=BlendWeights(
        alpha_tower=0.0,
        alpha_cf=1.0,
        beta_gen=0.15,
        gamma_year=0.10,
        delta_pop=0.05,
        tau_year=8.0,
        lambda_mmr=0.80,
        genre_weight=0.60,
    )
)

_SVD_NAMES = ("svd_ctr_raw_qk128.npz", "svd_runtime_data.npz", "svd_centered_qk*.npz", "svd*.npz")
_LINK_NAMES = ("link.csv", "links.csv")
_BATCH = 4096  # films whose features go through the item tower at a time


def import_legacy(folder: Path, *, rerank: RerankConfig = LEGACY_RERANK) -> Bundle:
    """Convert a bundle of the older layout; `publish` the result with force, since it brings no metrics.

    Needs torch (`marquee[training]`), for `model.pth`.

    Args:
        folder: Holds the files, flat or in subfolders such as twotower/ and factors/.
        rerank: The re-ranker's dials; the older code's, if not given.

    Raises:
        BundleError: A file is missing, is not what it should be, or holds something that would run code.
    """
    encoder, features = _required(folder, "movie_encoder.pkl"), _required(folder, "movie_features_df.pkl")
    model, svd = _required(folder, "model.pth"), _required(folder, *_SVD_NAMES)
    users, columns = _find(folder, "user_encoder.pkl"), _find(folder, "content_feature_names.pkl")
    links = _find(folder, *_LINK_NAMES)
    used = [path for path in (encoder, features, model, svd, users, columns, links) if path is not None]

    movie_ids = _classes(encoder)
    frame = _aligned(_in_file(features, frame_of), movie_ids, features)
    names = _numeric_columns(frame) if columns is None else [str(name) for name in _in_file(columns, array_of)]
    vectors = _item_vectors(_weights(model), frame, names, model)
    return Bundle(
        catalog=_catalog(movie_ids, frame, {} if links is None else _tmdb_ids(links)),
        two_tower=TwoTower(vectors, vectors, np.zeros(len(vectors), np.float32), pooling="mean"),
        item_cf=ItemCF(factors=_factors(svd, movie_ids)),
        rerank=rerank,
        data=DataInfo(
            name="imported",
            source=f"older layout in {folder.name}",
            sha256=_hash_of(used),
            counts={"movies": len(movie_ids)} | ({} if users is None else {"users": len(_classes(users))}),
        ),
        config={"imported_files": sorted(path.relative_to(folder).as_posix() for path in used)},
    )


def _required(folder: Path, *names: str) -> Path:
    path = _find(folder, *names)
    if path is None:
        raise BundleError(f"{folder} holds no {' or '.join(names)}", fix="name the folder of a trained older model")
    return path


def _find(folder: Path, *names: str) -> Path | None:
    for name in names:
        found = sorted(folder.rglob(name), key=lambda path: (len(path.parts), path))
        if found:
            return found[0]
    return None


def _in_file(path: Path, convert: Any) -> Any:
    try:
        return convert(read_pickle_file(path))
    except BundleError as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise BundleError(message, fix=error.fix) from None
    except Exception as error:  # records of a damaged pickle can be of any shape
        raise BundleError(f"{path} isn't what the older layout has: {type(error).__name__}: {error}") from None


def _classes(path: Path) -> NDArray[np.int64]:
    def convert(value: Any) -> NDArray[np.int64]:
        if not isinstance(value, Record) or value.name != "LabelEncoder" or not isinstance(value.state, dict):
            raise BundleError("not a LabelEncoder")
        return array_of(value.state["classes_"]).astype(np.int64)

    classes: NDArray[np.int64] = _in_file(path, convert)
    if classes.ndim != 1 or len(classes) == 0 or (np.diff(classes) <= 0).any():
        raise BundleError(f"{path}: the encoder's classes are not ascending ids")
    return classes


def _aligned(frame: Frame, movie_ids: NDArray[np.int64], path: Path) -> Frame:
    """The table with one row per film of the encoder, in its order."""
    row_of = {int(movie): row for row, movie in enumerate(frame.index)}
    missing = [int(movie) for movie in movie_ids if int(movie) not in row_of]
    if missing:
        raise BundleError(f"{path} lacks {len(missing)} films of the encoder, such as {missing[0]}")
    rows = [row_of[int(movie)] for movie in movie_ids]
    return Frame(movie_ids, frame.columns, {name: array[rows] for name, array in frame.values.items()})


def _numeric_columns(frame: Frame) -> list[str]:
    return [name for name in frame.columns if frame.values[name].dtype.kind in "biuf"]


def _weights(path: Path) -> dict[str, NDArray[np.float32]]:
    try:
        import torch  # noqa: PLC0415 - not needed to serve
    except ImportError:
        raise BundleError(f"reading {path} needs torch", fix="pip install 'marquee[training]'") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 - runs nothing
        return {str(name): tensor.detach().float().numpy() for name, tensor in state.items()}
    except Exception as error:  # torch's refusals are of many kinds
        reason = str(error).strip().splitlines()
        raise BundleError(
            f"{path} isn't a file of weights alone, and nothing else in it was run: {reason[-1] if reason else ''}",
            fix="don't use this file; get the bundle again from someone you trust",
        ) from None


def _item_vectors(
    weights: Mapping[str, NDArray[np.float32]], frame: Frame, names: Sequence[str], path: Path
) -> NDArray[np.float32]:
    """(n, d) float32 unit outputs of the item tower: id embedding and content, through two layers each."""
    unknown = [name for name in names if name not in frame.values]
    if unknown:
        raise BundleError(f"the table of films lacks the feature {unknown[0]!r} that {path} was trained on")
    features = np.stack([frame.values[name].astype(np.float32) for name in names], axis=1)
    try:
        embedding = weights["item_tower.movie_embed.weight"]
        content = _Layers(weights, "item_tower.content_mlp")
        final = _Layers(weights, "item_tower.final_mlp")
    except KeyError as missing:
        raise BundleError(f"{path} lacks the weights {missing}") from None
    n, width = features.shape
    if len(embedding) != n or content.width != width or final.width != embedding.shape[1] + content.output:
        raise BundleError(
            f"{path} is of {len(embedding)} films with {content.width} features, the other files of {n} with {width}",
            fix="take all files from the same training run",
        )
    vectors = np.concatenate(
        [
            final(np.concatenate([embedding[i : i + _BATCH], content(features[i : i + _BATCH])], axis=1))
            for i in range(0, n, _BATCH)
        ]
    )
    return _unit(vectors)


class _Layers:
    """Linear, ReLU, Linear."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], prefix: str) -> None:
        self._first, self._second = (
            (weights[f"{prefix}.{place}.weight"], weights[f"{prefix}.{place}.bias"]) for place in (0, 2)
        )
        self.width = self._first[0].shape[1]
        self.output = len(self._second[0])

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        inner = np.maximum(x @ self._first[0].T + self._first[1], 0.0)
        return np.asarray(inner @ self._second[0].T + self._second[1], dtype=np.float32)


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0), dtype=np.float32)


def _factors(path: Path, movie_ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, k) float32 unit factors by row of the catalogue; zeros for films that the SVD doesn't know."""
    arrays = read_npz(path)
    try:
        factors = np.asarray(arrays["Q"], dtype=np.float32)
        if "movie_ids" in arrays:
            row_of = {int(movie): row for row, movie in enumerate(arrays["movie_ids"])}
        else:
            held = array_of(arrays["movie_index"]).item()
            row_of = {int(scalar_of(movie)): int(scalar_of(row)) for movie, row in held.items()}
        known = [(row, row_of[int(movie)]) for row, movie in enumerate(movie_ids) if int(movie) in row_of]
        aligned = np.zeros((len(movie_ids), factors.shape[1]), np.float32)
        if known:
            ours, theirs = (list(rows) for rows in zip(*known, strict=True))
            aligned[ours] = _unit(factors)[theirs]
    except BundleError as error:
        raise BundleError(f"{path}: {error.message}", fix=error.fix) from None
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise BundleError(f"{path} isn't what the older layout has: {type(error).__name__}: {error}") from None
    return aligned


def _catalog(movie_ids: NDArray[np.int64], frame: Frame, tmdb_of: Mapping[int, int]) -> Catalog:
    from marquee_training.data.titles import split_title  # noqa: PLC0415 - brings pandas, which serving does without

    n = len(movie_ids)
    raw_titles = frame.values.get("title", np.full(n, None))
    raw_genres = frame.values.get("genres", np.full(n, None))
    titles = [
        split_title(title) if isinstance(title, str) else (f"Film {movie}", 0)
        for title, movie in zip(raw_titles, movie_ids, strict=True)
    ]
    genres = [_genre_list(value) for value in raw_genres]
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


def _genre_list(value: Any) -> list[str]:
    if isinstance(value, str):
        value = value.split("|")
    found = [str(name) for name in value] if isinstance(value, list | tuple) else []
    return [name for name in found if name and name != "(no genres listed)"]


def _tmdb_ids(path: Path) -> dict[int, int]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {int(row["movieId"]): int(float(row["tmdbId"])) for row in csv.DictReader(file) if row["tmdbId"]}
    except (KeyError, ValueError) as error:
        raise BundleError(f"{path} is not MovieLens' table of links: {type(error).__name__}: {error}") from None


def _hash_of(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda each: each.name):
        digest.update(f"{path.name}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
