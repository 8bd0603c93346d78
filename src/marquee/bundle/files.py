"""Bundles to files and back, in memory. Which file holds what is said here and in artifacts/README.md."""

import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors import numpy as safetensors_numpy

from marquee.bundle.bundle import Bundle
from marquee.errors import BundleError
from marquee.models.catalog import Catalog
from marquee.models.item_cf import HISTORY, ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig

TWO_TOWER = "two_tower.safetensors"
ITEM_CF = "item_cf.safetensors"
CATALOG_ARRAYS = "catalog.safetensors"
CATALOG_NAMES = "catalog.json"
RERANKER = "reranker.json"
ARRAYS = ".safetensors"
EVAL_FOLDER = "eval/"
REQUIRED = (TWO_TOWER, ITEM_CF, CATALOG_ARRAYS, CATALOG_NAMES, RERANKER)

M = TypeVar("M", bound=BaseModel)
Arrays = dict[str, NDArray[Any]]
Shapes = dict[str, dict[str, list[int]]]

_CATALOG_DTYPES = {
    "movie_ids": "int64",
    "tmdb_ids": "int64",
    "years": "int16",
    "genres": "bool",
    "popularity": "int32",
}
_TWO_TOWER_ARRAYS = ("seed_vectors", "item_vectors", "item_bias", "hidden_weight", "hidden_bias")
_VIEW_DTYPES: dict[str, tuple[str, ...]] = {
    "indptr": ("int64",),
    "indices": ("int32",),
    "values": ("float16", "float32"),
    "factors": ("float32",),
    "prior": ("float32",),
}
_ITEM_CF_DTYPES = _VIEW_DTYPES | {f"{HISTORY}{name}": dtypes for name, dtypes in _VIEW_DTYPES.items()}


# Safetensors' names of the kinds that bundles have.
_DTYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "BOOL": "?"}


class CatalogNames(BaseModel):
    """What `catalog.json` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    titles: tuple[str, ...]
    genre_names: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """The decoded files of one bundle; not yet checked against each other."""

    catalog: Catalog
    two_tower: TwoTower
    item_cf: ItemCF
    rerank: RerankConfig
    shapes: Shapes


def encode(contents: Bundle) -> dict[str, bytes]:
    """Every file of a bundle but the manifest, by its path; equal contents give equal bytes."""
    catalog = contents.catalog
    arrays = {name: getattr(catalog, name) for name in _CATALOG_DTYPES}
    names = {"titles": list(catalog.titles), "genre_names": list(catalog.genre_names)}
    files = {
        # One entry of metadata at most: safetensors doesn't keep the order of several, so hashes would differ.
        TWO_TOWER: _save(contents.two_tower.arrays(), {"pooling": contents.two_tower.pooling}),
        ITEM_CF: _save(contents.item_cf.arrays(), {}),
        CATALOG_ARRAYS: _save(arrays, {}),
        CATALOG_NAMES: _json(names),
        RERANKER: _json(contents.rerank.model_dump(mode="json")),
    }
    return files | {f"{EVAL_FOLDER}{name}": raw for name, raw in contents.eval_files.items()}


def shapes_of(files: Mapping[str, bytes]) -> Shapes:
    """The shape of every array in every .safetensors file.

    Raises:
        BundleError: A file is not in the safetensors format.
    """
    tensors = {name: _load(name, raw)[0] for name, raw in files.items() if name.endswith(ARRAYS)}
    return {name: {key: list(array.shape) for key, array in held.items()} for name, held in tensors.items()}


def decode(files: Mapping[str, bytes | mmap.mmap]) -> Parts:
    """The inverse of `encode`, for files that have been verified to be all there; arrays of mapped files stay in them.

    Raises:
        BundleError: A file can't be read, or its arrays don't fit each other; the message names the file.
    """
    tower_arrays, metadata = _load(TWO_TOWER, files[TWO_TOWER])
    cf_arrays, _ = _load(ITEM_CF, files[ITEM_CF])
    catalog_arrays, _ = _load(CATALOG_ARRAYS, files[CATALOG_ARRAYS])
    _want_dtypes(TWO_TOWER, tower_arrays, dict.fromkeys(_TWO_TOWER_ARRAYS, ("float32",)))
    _want_dtypes(ITEM_CF, cf_arrays, _ITEM_CF_DTYPES)
    _want_dtypes(CATALOG_ARRAYS, catalog_arrays, {name: (kind,) for name, kind in _CATALOG_DTYPES.items()})
    if missing := [name for name in _CATALOG_DTYPES if name not in catalog_arrays]:
        raise BundleError(f"{CATALOG_ARRAYS} lacks the array {missing[0]}")
    if (pooling := metadata.get("pooling")) not in ("sqrt_sum", "mean"):
        raise BundleError(f"{TWO_TOWER} has the unknown pooling {pooling!r}")
    names = _model(CATALOG_NAMES, bytes(files[CATALOG_NAMES]), CatalogNames)
    try:
        two_tower = TwoTower.from_arrays(tower_arrays, cast("Literal['sqrt_sum', 'mean']", pooling))
    except (BundleError, ValueError) as error:
        raise BundleError(f"{TWO_TOWER}: {error}") from None
    try:
        item_cf = ItemCF.from_arrays(cf_arrays)
    except (BundleError, ValueError) as error:
        raise BundleError(f"{ITEM_CF}: {error}") from None
    return Parts(
        Catalog(titles=names.titles, genre_names=names.genre_names, **catalog_arrays),
        two_tower,
        item_cf,
        _model(RERANKER, bytes(files[RERANKER]), RerankConfig),
        {
            name: {key: list(array.shape) for key, array in held.items()}
            for name, held in ((TWO_TOWER, tower_arrays), (ITEM_CF, cf_arrays), (CATALOG_ARRAYS, catalog_arrays))
        },
    )


def _save(arrays: Arrays, metadata: dict[str, str]) -> bytes:
    # safetensors stores the memory as it lies, so a transposed view would come back scrambled.
    dense = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return safetensors_numpy.save(dense, metadata=metadata or None)


def _load(name: str, raw: bytes | mmap.mmap) -> tuple[Arrays, dict[str, str]]:
    try:
        arrays = safetensors_numpy.load(raw) if isinstance(raw, bytes) else _views(raw)
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    except (SafetensorError, ValueError, KeyError) as error:
        raise BundleError(f"{name} is not in the safetensors format: {error}") from None
    for array in arrays.values():
        array.flags.writeable = False  # shared by every thread of a server
    return arrays, header.get("__metadata__", {})


def _views(raw: mmap.mmap) -> Arrays:
    # The library only copies. Its format: a header's length, the header, then each array where the header says.
    # https://github.com/huggingface/safetensors#format
    begin = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:begin])
    header.pop("__metadata__", None)
    arrays = {}
    for name, told in header.items():
        start, end = told["data_offsets"]
        flat: NDArray[Any] = np.frombuffer(memoryview(raw)[begin + start : begin + end], _DTYPES[told["dtype"]])
        arrays[name] = flat.reshape(told["shape"])
    return arrays


def _want_dtypes(name: str, arrays: Arrays, wanted: Mapping[str, tuple[str, ...]]) -> None:
    for key, array in arrays.items():
        if key not in wanted:
            raise BundleError(f"{name} holds the unknown array {key}")
        if array.dtype.name not in wanted[key]:
            raise BundleError(f"{name}: {key} is {array.dtype}, expected {' or '.join(wanted[key])}")


def _json(value: Any) -> bytes:
    return f"{json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)}\n".encode()


def _model(name: str, raw: bytes, kind: type[M]) -> M:
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise BundleError(f"{name} can't be read: {place}: {first['msg']}") from None
