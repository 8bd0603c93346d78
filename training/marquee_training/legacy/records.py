"""Records of the refusing unpickler, read as numpy arrays and tables, without the libraries that wrote them."""

import math
import re
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee.errors import BundleError
from marquee_training.legacy.restricted_pickle import Record

Columns = dict[str, NDArray[Any]]
_OFFSETS = {"string": "<i4", "large_string": "<i8"}  # of Arrow's two sorts of strings


def array_of(value: Any) -> NDArray[Any]:
    """The array that a record of numpy, pandas or Arrow stands for."""
    match value:
        case np.ndarray():
            return value
        case list() | tuple():
            return _objects(list(value), (len(value),))
        case Record(name="_reconstruct", state=(_, shape, dtype, fortran, data)):
            return _ndarray(data, dtype, shape, "F" if fortran else "C")
        case Record(name="_frombuffer", args=(data, dtype, shape, order, *_)):
            return _ndarray(data, dtype, shape, order)
        case Record(name="__pyx_unpickle_NDArrayBacked", state=tuple(parts)):
            # The state is (dtype, array) and maybe more; some versions of pandas put them the other way round.
            inner = (
                part for part in parts if isinstance(part, Record) and part.name in ("_reconstruct", "_frombuffer")
            )
            return array_of(next(inner, None))
        case Record(name="_new_Index", args=(_, {"data": data})):
            return array_of(data)
        case Record(name="_new_Index", args=(_, {"start": start, "stop": stop, "step": step})):
            return np.arange(*(int(scalar_of(bound)) for bound in (start, stop, step)))
        case Record(name="ArrowStringArray", state={"_pa_array": arrow} | {"_data": arrow}):
            chunks = arrow.args[0] if isinstance(arrow, Record) and arrow.name == "chunked_array" else [arrow]
            return np.concatenate([_arrow_strings(chunk) for chunk in chunks])
    raise _unexpected(value)


def scalar_of(value: Any) -> Any:
    """A plain value, or the one that a record of a numpy scalar stands for; None for other records, such as NA."""
    match value:
        case Record(name="scalar", args=(dtype, data)):
            return _ndarray(data, dtype, (1,), "C")[0].item()
        case Record(name="scalar"):
            raise _unexpected(value)
        case Record():
            return None
    return value


def frame_of(value: Any) -> tuple[NDArray[Any], Columns]:
    """The index and the columns, in order, of the table that a record of a pandas DataFrame stands for."""
    match value:
        case Record(name="DataFrame", state={"_mgr": Record(args=(blocks, axes))}):
            columns, index = [str(name) for name in array_of(axes[0])], array_of(axes[1])
        case Record(name="DataFrame", state=dict()):
            raise BundleError(
                "the DataFrame is in the form of a pandas before 1.3",
                fix="load it with that pandas, and write it again with a newer one",
            )
        case _:
            raise _unexpected(value)
    placed: dict[int, NDArray[Any]] = {}
    for block in blocks:
        values, placement, *_ = block.args
        if isinstance(placement, Record) and placement.name == "slice":
            places = [*range(*(int(part) for part in placement.args))]
        else:
            places = [int(place) for place in array_of(placement)]
        placed |= dict(zip(places, np.atleast_2d(array_of(values)), strict=True))
    if sorted(placed) != list(range(len(columns))) or any(len(array) != len(index) for array in placed.values()):
        raise BundleError("the DataFrame's blocks don't fit its axes")
    return index, {name: placed[place] for place, name in enumerate(columns)}


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
    match value:
        case Record(name="dtype", args=(str(code), *_)) if re.fullmatch(r"[biufU]\d{1,6}|O8?", code):
            is_big = isinstance(value.state, tuple) and len(value.state) > 1 and value.state[1] == ">"
            return np.dtype(">" + code) if is_big else np.dtype(code if code[0] != "O" else "O")
    raise _unexpected(value)


def _bytes(value: Any) -> bytes:
    match value:
        case Record(name="bytearray" | "py_buffer", args=(inner, *_)):
            return _bytes(inner)
        case bytes() | bytearray():
            return bytes(value)
    raise _unexpected(value)


def _arrow_strings(chunk: Any) -> NDArray[Any]:
    match chunk:
        case Record(name="_restore_array", args=((Record(args=(kind, *_)), length, _, start, buffers, _, _),)):
            if kind not in _OFFSETS:
                raise _unexpected(kind)
        case _:
            raise _unexpected(chunk)
    valid, offsets, text = buffers
    ends = np.frombuffer(_bytes(offsets), _OFFSETS[kind])[start : start + length + 1]
    letters = b"" if text is None else _bytes(text)
    values: list[Any] = [letters[a:b].decode() for a, b in pairwise(ends)]
    if valid is not None:
        bits = np.unpackbits(np.frombuffer(_bytes(valid), np.uint8), bitorder="little")
        values = [text if bit else None for text, bit in zip(values, bits[start:], strict=False)]
    return _objects(values, (length,))


def _unexpected(value: Any) -> BundleError:
    what = value.name if isinstance(value, Record) else type(value).__name__
    return BundleError(f"found {what} where the older layout has something else")
