"""Records of the refusing unpickler, read as numpy arrays and tables, without pandas or scikit-learn."""

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee.errors import BundleError
from marquee_training.legacy.restricted_pickle import Record

Columns = dict[str, NDArray[Any]]


# Arrays, strings and tables out of the records of `restricted_pickle`, without the libraries that wrote them.
def array_of(value: Any) -> NDArray[Any]:
    """The array that a record of numpy, pandas or Arrow stands for."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list | tuple):
        return _objects(list(value), (len(value),))
    if isinstance(value, Record) and (convert := _ARRAYS.get(value.name)):
        return convert(value)
    raise _unexpected(value)


def scalar_of(value: Any) -> Any:
    """A plain value, or the one that a record of a numpy scalar stands for."""
    if isinstance(value, Record):
        if value.name != "scalar":
            return None
        dtype, data = _tuple(value.args, 2)
        return _ndarray(data, dtype, (1,), "C")[0].item()
    return value


def frame_of(value: Any) -> tuple[NDArray[Any], Columns]:
    """The index and the columns, in order, of the table that a record of a pandas DataFrame stands for."""
    if not isinstance(value, Record) or value.name != "DataFrame" or not isinstance(value.state, dict):
        raise _unexpected(value)
    manager = value.state.get("_mgr")
    if not isinstance(manager, Record) or len(manager.args) != 2:
        raise BundleError(
            "the DataFrame is in the form of a pandas before 1.3",
            fix="load it with that pandas, and write it again with a newer one",
        )
    blocks, axes = manager.args
    columns = [str(name) for name in array_of(axes[0])]
    placed: dict[int, NDArray[Any]] = {}
    for block in blocks:
        values, placement, _ = _tuple(block.args, 3)
        array = array_of(values)
        rows = array if array.ndim == 2 else array[None, :]
        placed |= dict(zip(_places(placement), rows, strict=True))
    index = array_of(axes[1])
    if sorted(placed) != list(range(len(columns))) or any(len(array) != len(index) for array in placed.values()):
        raise BundleError("the DataFrame's blocks don't fit its axes")
    return index, {name: placed[place] for place, name in enumerate(columns)}


def _reconstructed(record: Record) -> NDArray[Any]:
    _, shape, dtype, fortran, data = _tuple(record.state, 5)
    return _ndarray(data, dtype, shape, "F" if fortran else "C")


def _from_buffer(record: Record) -> NDArray[Any]:
    data, dtype, shape, order = _tuple(record.args[:4], 4)
    return _ndarray(data, dtype, shape, order)


def _array_backed(record: Record) -> NDArray[Any]:
    # Its state is (dtype, array) and maybe more; some versions of pandas put them the other way round.
    inner = [part for part in _tuple(record.state) if isinstance(part, Record) and part.name in _ARRAYS]
    return array_of(inner[0] if inner else None)


def _ndarray(data: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    kind = _dtype(dtype)
    shape = tuple(int(side) for side in shape)
    if kind.hasobject:
        return _objects(list(data), shape, order)
    raw = _bytes(data)
    if min(shape, default=0) < 0 or math.prod(shape) * kind.itemsize != len(raw):
        raise BundleError("an array's bytes don't fit its shape")
    return np.frombuffer(raw, kind).reshape(shape, order="F" if order == "F" else "C")


def _objects(values: list[Any], shape: tuple[int, ...], order: Any = "C") -> NDArray[Any]:
    flat = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        flat[place] = scalar_of(value)
    if math.prod(shape) != len(values):
        raise BundleError("an array's values don't fit its shape")
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _dtype(value: Any) -> np.dtype[Any]:
    code = value.args[0] if isinstance(value, Record) and value.name == "dtype" and value.args else None
    if not isinstance(code, str) or not re.fullmatch(r"[biufU]\d{1,6}|O8?", code):
        raise _unexpected(value)
    big = isinstance(value.state, tuple) and len(value.state) > 1 and value.state[1] == ">"
    return np.dtype(">" + code) if big else np.dtype(code if code[0] != "O" else "O")


def _bytes(value: Any) -> bytes:
    if isinstance(value, Record) and value.name in ("bytearray", "py_buffer") and value.args:
        return _bytes(value.args[0])
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    raise _unexpected(value)


def _index(record: Record) -> NDArray[Any]:
    _, options = _tuple(record.args, 2)
    if not isinstance(options, dict):
        raise _unexpected(options)
    if "data" in options:
        return array_of(options["data"])
    return np.arange(*(int(scalar_of(options[key])) for key in ("start", "stop", "step")))


def _arrow_strings(record: Record) -> NDArray[Any]:
    state = record.state
    arrow = state.get("_pa_array", state.get("_data")) if isinstance(state, dict) else None
    if isinstance(arrow, Record) and arrow.name == "chunked_array":
        return np.concatenate([_arrow_chunk(chunk) for chunk in arrow.args[0]])
    return _arrow_chunk(arrow)


def _arrow_chunk(chunk: Any) -> NDArray[Any]:
    if not isinstance(chunk, Record) or chunk.name != "_restore_array":
        raise _unexpected(chunk)
    kind, length, _, start, buffers, _, _ = _tuple(chunk.args[0], 7)
    offset_type = {"string": "<i4", "large_string": "<i8"}.get(kind.args[0])
    if offset_type is None:
        raise _unexpected(kind)
    valid, offsets, text = buffers
    ends = np.frombuffer(_bytes(offsets), offset_type)[start : start + length + 1]
    letters = b"" if text is None else _bytes(text)
    values: list[Any] = [letters[a:b].decode() for a, b in pairwise(ends)]
    if valid is not None:
        bits = np.unpackbits(np.frombuffer(_bytes(valid), np.uint8), bitorder="little")
        values = [text if bit else None for text, bit in zip(values, bits[start:], strict=False)]
    return _objects(values, (length,))


def _places(placement: Any) -> Sequence[int]:
    if isinstance(placement, Record) and placement.name == "slice":
        return range(*(int(part) for part in placement.args))
    return [int(place) for place in array_of(placement)]


def _tuple(value: Any, length: int | None = None) -> tuple[Any, ...]:
    if not isinstance(value, tuple) or length not in (None, len(value)):
        raise _unexpected(value)
    return value


def _unexpected(value: Any) -> BundleError:
    what = value.name if isinstance(value, Record) else type(value).__name__
    return BundleError(f"found {what} where the older layout has something else")


_ARRAYS: dict[str, Callable[[Record], NDArray[Any]]] = {
    "_reconstruct": _reconstructed,
    "_frombuffer": _from_buffer,
    "__pyx_unpickle_NDArrayBacked": _array_backed,
    "ArrowStringArray": _arrow_strings,
    "_new_Index": _index,
}
