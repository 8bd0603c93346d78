"""Bundles to files and back, in memory; artifacts/README.md describes the files."""

import json
import mmap
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors import numpy as safetensors_numpy

from marquee.base_model import FrozenBaseModel
from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import Manifest, first_problem
from marquee.errors import BundleError
from marquee.models.catalog import FILMS, Catalog, ItemId
from marquee.models.columns import Column, Labels, Numbers
from marquee.models.item_cf import HISTORY, ItemCF
from marquee.models.two_tower import Pooling, TwoTower
from marquee.models.weights import RerankConfig

TWO_TOWER = "two_tower.safetensors"
ITEM_CF = "item_cf.safetensors"
CATALOG_ARRAYS = "catalog.safetensors"
CATALOG_NAMES = "catalog.json"
RERANKER = "reranker.json"
# Only where the catalogue has more than MovieLens has; earlier versions of Marquee ignore both files.
ITEM_NAMES = "items.json"
ITEM_ARRAYS = "items.safetensors"
ARRAYS = ".safetensors"
EVAL_FOLDER = "eval/"
REQUIRED = (TWO_TOWER, ITEM_CF, CATALOG_ARRAYS, CATALOG_NAMES, RERANKER)

M = TypeVar("M", bound=BaseModel)
Arrays = dict[str, NDArray[Any]]
Dtypes = Mapping[str, tuple[str, ...]]

_CATALOG_DTYPES: Dtypes = {
    "movie_ids": ("int64",),
    "tmdb_ids": ("int64",),
    "years": ("int16",),
    "genres": ("bool",),
    "popularity": ("int32",),
}
_TWO_TOWER_DTYPES: Dtypes = dict.fromkeys(
    ("seed_vectors", "item_vectors", "item_bias", "hidden_weight", "hidden_bias"), ("float32",)
)
_VIEW_DTYPES: Dtypes = {
    "indptr": ("int64",),
    "indices": ("int32",),
    "values": ("float16", "float32"),
    "factors": ("float32",),
    "prior": ("float32",),
}
_ITEM_CF_DTYPES: Dtypes = {f"{view}{name}": kinds for view in ("", HISTORY) for name, kinds in _VIEW_DTYPES.items()}
# The names that safetensors gives to these dtypes.
_SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "BOOL": "?"}


class ItemNames(FrozenBaseModel):
    """The content of `items.json`: the data's own ids, the noun, and the words of each column; null for numbers."""

    item_ids: tuple[ItemId, ...] | None = None
    noun: tuple[str, str] = FILMS
    columns: dict[str, tuple[str, ...] | None] = {}


class CatalogNames(FrozenBaseModel):
    """The content of `catalog.json`."""

    titles: tuple[str, ...]
    genre_names: tuple[str, ...]


def encode(bundle: Bundle) -> dict[str, bytes]:
    """All files of a bundle except the manifest, by path; equal bundles give equal bytes."""
    catalog = bundle.catalog
    files = {
        CATALOG_NAMES: _json({"titles": list(catalog.titles), "genre_names": list(catalog.genre_names)}),
        RERANKER: _json(bundle.rerank.model_dump(mode="json")),
    }
    if catalog.item_ids or catalog.columns or catalog.noun != FILMS:
        names = {name: column.names if isinstance(column, Labels) else None for name, column in catalog.columns.items()}
        files[ITEM_NAMES] = _json(ItemNames(item_ids=catalog.item_ids, noun=catalog.noun, columns=names).model_dump())
        files[ITEM_ARRAYS] = safetensors_numpy.save(_column_arrays(catalog.columns))
    for name, arrays in _arrays(bundle).items():
        # At most one entry of metadata: safetensors doesn't keep the order of several, so hashes would differ.
        metadata: dict[str, str] | None = {"pooling": bundle.two_tower.pooling} if name == TWO_TOWER else None
        # safetensors stores the memory as it is, so transposed views have to be copied.
        dense = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
        files[name] = safetensors_numpy.save(dense, metadata=metadata)
    return files | {f"{EVAL_FOLDER}{name}": raw for name, raw in bundle.eval_files.items()}


def decode(files: Mapping[str, bytes | mmap.mmap], manifest: Manifest, eval_files: dict[str, bytes]) -> Bundle:
    """The inverse of `encode`, for files whose hashes have been verified; arrays of mapped files stay in them."""
    tower, metadata = _load(TWO_TOWER, files, _TWO_TOWER_DTYPES)
    item_cf, _ = _load(ITEM_CF, files, _ITEM_CF_DTYPES)
    catalog: dict[str, Any]
    catalog, _ = _load(CATALOG_ARRAYS, files, _CATALOG_DTYPES)
    if missing := [name for name in _CATALOG_DTYPES if name not in catalog]:
        raise BundleError(f"{CATALOG_ARRAYS} lacks the array {missing[0]}")
    pooling = metadata.get("pooling")
    if pooling not in {"sqrt_sum", "mean"}:
        raise BundleError(f"{TWO_TOWER} has the unknown pooling {pooling!r}")
    names = _parse(CATALOG_NAMES, files, CatalogNames)
    name = TWO_TOWER
    try:
        two_tower = TwoTower.from_arrays(tower, cast("Pooling", pooling))
        name = ITEM_CF
        view = ItemCF.from_arrays(item_cf)
    except (BundleError, ValueError) as error:
        raise BundleError(f"{name}: {error}") from None
    return Bundle(
        Catalog(titles=names.titles, genre_names=names.genre_names, **(catalog | _items(files))),
        two_tower,
        view,
        _parse(RERANKER, files, RerankConfig),
        data=manifest.data,
        metrics=manifest.metrics,
        config=manifest.config,
        eval_files=eval_files,
        code_version=manifest.code_version,
        stored=manifest,
    )


def shapes_of(bundle: Bundle) -> dict[str, dict[str, list[int]]]:
    """The shape of every array, by the file that holds it."""
    return {name: {key: list(array.shape) for key, array in arrays.items()} for name, arrays in _arrays(bundle).items()}


def inconsistencies(bundle: Bundle) -> list[str]:
    """All problems of a bundle's arrays; each message begins with the file's name."""
    n = len(bundle.catalog)
    return [*_check_catalog(bundle.catalog), *_check_tower(bundle.two_tower, n), *_check_view(bundle.item_cf, n)]


def _arrays(bundle: Bundle) -> dict[str, Arrays]:
    return {
        TWO_TOWER: dict(bundle.two_tower.arrays()),
        ITEM_CF: bundle.item_cf.arrays(),
        CATALOG_ARRAYS: {name: getattr(bundle.catalog, name) for name in _CATALOG_DTYPES},
    }


def _column_arrays(columns: Mapping[str, Column]) -> Arrays:
    arrays: Arrays = {}
    for name, column in columns.items():
        parts = ("indptr", "indices") if isinstance(column, Labels) else ("values",)
        arrays |= {f"{name}.{part}": getattr(column, part) for part in parts}
    return arrays


def _items(files: Mapping[str, bytes | mmap.mmap]) -> dict[str, Any]:
    """The catalogue's ids, noun and columns, where the bundle has them."""
    if ITEM_NAMES not in files:
        return {}
    names = _parse(ITEM_NAMES, files, ItemNames)
    dtypes = {"values": ("float64",), "indptr": ("int64",), "indices": ("int32",)}
    wanted = {f"{name}.{part}": kinds for name in names.columns for part, kinds in dtypes.items()}
    arrays, _ = _load(ITEM_ARRAYS, files, wanted)
    columns: dict[str, Column] = {}
    try:
        for name, words in names.columns.items():
            if words is None:
                columns[name] = Numbers(arrays[f"{name}.values"])
            else:
                columns[name] = Labels(words, arrays[f"{name}.indptr"], arrays[f"{name}.indices"])
    except KeyError as error:
        raise BundleError(f"{ITEM_ARRAYS} lacks the array {error}") from None
    return {"item_ids": names.item_ids, "noun": names.noun, "columns": columns}


def _load(name: str, files: Mapping[str, bytes | mmap.mmap], wanted: Dtypes) -> tuple[Arrays, dict[str, str]]:
    raw = files[name]
    try:
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
        arrays = safetensors_numpy.load(raw) if isinstance(raw, bytes) else _views(raw, header)
    except (SafetensorError, ValueError, KeyError) as error:
        raise BundleError(f"{name} is not in the safetensors format: {error}") from None
    for key, array in arrays.items():
        if key not in wanted:
            raise BundleError(f"{name} holds the unknown array {key}")
        if array.dtype.name not in wanted[key]:
            raise BundleError(f"{name}: {key} is {array.dtype}, expected {' or '.join(wanted[key])}")
        array.flags.writeable = False  # shared by every thread of a server
    return arrays, header.get("__metadata__", {})


def _views(raw: mmap.mmap, header: dict[str, Any]) -> Arrays:
    # The library only copies. Its format: a header's length, the header, then each array where the header says.
    # https://github.com/huggingface/safetensors#format
    begin = 8 + int.from_bytes(raw[:8], "little")
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            memory = memoryview(raw)[begin + start : begin + end]
            flat: NDArray[Any] = np.frombuffer(memory, _SAFETENSORS[entry["dtype"]])
            arrays[name] = flat.reshape(entry["shape"])
    return arrays


def _json(value: Any) -> bytes:
    return f"{json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)}\n".encode()


def _parse(name: str, files: Mapping[str, bytes | mmap.mmap], kind: type[M]) -> M:
    try:
        return kind.model_validate_json(bytes(files[name]))
    except ValidationError as error:
        raise BundleError(f"{name} can't be read: {first_problem(error)}") from None


def _check_catalog(catalog: Catalog) -> Iterator[str]:
    ids, n = catalog.movie_ids, len(catalog)
    if n == 0 or ids.ndim != 1:
        yield f"{CATALOG_ARRAYS}: movie_ids has shape {ids.shape}, expected at least one film"
        return
    if unsorted := np.flatnonzero(np.diff(ids) <= 0).tolist():
        row = unsorted[0]
        yield f"{CATALOG_ARRAYS}: movie_ids must ascend, but {ids[row + 1]} follows {ids[row]} in row {row + 1}"
    if ids[0] <= 0:
        yield f"{CATALOG_ARRAYS}: movie_ids must be positive, but holds {ids[0]}"
    wanted = {"tmdb_ids": (n,), "years": (n,), "popularity": (n,), "genres": (n, len(catalog.genre_names))}
    for name, shape in wanted.items():
        array = getattr(catalog, name)
        if array.shape != shape:
            yield f"{CATALOG_ARRAYS}: {name} has shape {array.shape}, expected {shape}"
        elif name != "genres" and array.min() < 0:
            yield f"{CATALOG_ARRAYS}: {name} must not be negative, but holds {array.min()}"
    yield from _check_items(catalog, n)
    if len(catalog.titles) != n:
        yield f"{CATALOG_NAMES}: {len(catalog.titles)} titles, expected {n}"
    if list(catalog.genre_names) != sorted(set(catalog.genre_names)):
        yield f"{CATALOG_NAMES}: genre_names must be sorted and without repetition"


def _check_items(catalog: Catalog, n: int) -> Iterator[str]:
    ids_of_items = catalog.item_ids
    if ids_of_items is not None and (len(ids_of_items) != n or len(set(ids_of_items)) != n):
        yield f"{ITEM_NAMES}: item_ids must be {n} different ids"
    for name, column in catalog.columns.items():
        if len(column) != n:
            yield f"{ITEM_ARRAYS}: {name} has {len(column)} rows, expected {n}"
        elif isinstance(column, Labels) and not _is_consistent(column):
            yield f"{ITEM_ARRAYS}: {name} has positions of words that {ITEM_NAMES} lacks"


def _is_consistent(column: Labels) -> bool:
    ends, at = column.indptr, column.indices
    ascending = ends[0] == 0 and ends[-1] == len(at) and (np.diff(ends) >= 0).all()
    return bool(ascending and (len(at) == 0 or (at.min() >= 0 and at.max() < len(column.names))))


def _check_tower(tower: TwoTower, n: int) -> Iterator[str]:
    if tower.item_vectors.ndim != 2:
        yield f"{TWO_TOWER}: item_vectors has shape {tower.item_vectors.shape}, expected two dimensions"
        return
    d = tower.item_vectors.shape[1]
    wanted = {"seed_vectors": (n, d), "item_vectors": (n, d), "item_bias": (n,), "hidden_weight": (d, d)}
    for name, array in tower.arrays().items():
        shape = wanted.get(name, (d,))
        if array.shape != shape:
            yield f"{TWO_TOWER}: {name} has shape {array.shape}, expected {shape}"
        else:
            yield from _check_finite(f"{TWO_TOWER}: {name}", array)
    if (tower.hidden_weight is None) != (tower.hidden_bias is None):
        yield f"{TWO_TOWER}: hidden_weight and hidden_bias come together or not at all"


def _check_view(view: ItemCF, n: int, prefix: str = "") -> Iterator[str]:
    if len(view) != n:
        yield f"{ITEM_CF}: {len(view)} rows{f' of {prefix}' if prefix else ''}, expected {n}"
    if view.factors is not None and view.factors.ndim != 2:
        yield f"{ITEM_CF}: {prefix}factors has shape {view.factors.shape}, expected two dimensions"
    if view.prior is not None and view.prior.shape != (n,):
        yield f"{ITEM_CF}: {prefix}prior has shape {view.prior.shape}, expected {(n,)}"
    for name in ("values", "factors", "prior"):
        yield from _check_finite(f"{ITEM_CF}: {prefix}{name}", getattr(view, name))
    if view.history is not None:
        yield from _check_view(view.history, n, HISTORY)


def _check_finite(name: str, array: NDArray[Any] | None) -> Iterator[str]:
    if array is not None and not (finite := np.isfinite(array)).all():
        yield f"{name} holds {array.size - int(finite.sum())} values that are not finite numbers"
