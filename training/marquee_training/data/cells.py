"""Cells of a batch's columns, of whatever type the file has, as ids, numbers, times, words and years."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from marquee.models.columns import Column, Labels, Numbers
from marquee_training.data.row_errors import FIRST_SECOND, LAST_SECOND, MAX_ID, printable
from marquee_training.data.tables import Batch

# Times since 1970 by their size: seconds, milliseconds, microseconds, nanoseconds.
_UNITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (np.inf, 1_000_000_000))
_TRUTHS = pa.array(["true", "false", None])
_WHOLE = re.compile(r"0|[1-9]\d{0,17}")
_YEAR = re.compile(r"\s*(\d{4})(?!\d)")


@dataclass
class Ids:
    """Ids as they are met, numbered from 0.

    Attributes:
        index: The number of each id; numbers are written as text.
        types: What the files have: `text`, `numbers`, or `csv`, where numbers can't be told from text.
    """

    index: dict[str, int] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)

    def add(self, batch: Batch, name: str) -> NDArray[np.int32]:
        """(m,) numbers of a column's ids; -1 where the cell is empty."""
        cells = cells_of(batch, name)
        kind = cells.type
        if pa.types.is_floating(kind):  # pandas writes 12.0 where a column has gaps
            whole = pc.fill_null(pc.equal(pc.floor(cells), cells), True).to_numpy()
            require(
                batch, cells, whole, f"{name} is '{{value}}', and an id is text or a whole number", "correct the id"
            )
            cells = cells.cast(pa.int64())
        elif not (is_text(kind) or pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)):
            raise batch.refuse(0, f"{name} is of the type {kind}", "map a column of text or whole numbers as the id")
        self.types.add("numbers" if not is_text(kind) else "csv" if batch.file.kind == "csv" else "text")
        words, places = encoded(cells)
        codes = [self.index.setdefault(word, len(self.index)) for word in words]
        return np.asarray(np.array([*codes, -1], dtype=np.int32)[places])

    def numbers(self) -> NDArray[np.int64] | None:
        """(n,) the ids as numbers, if all of them are; "007" isn't one."""
        if "text" in self.types or not all(map(_WHOLE.fullmatch, self.index)):
            return None
        return np.array(list(map(int, self.index)), dtype=np.int64)

    def int32(self) -> NDArray[np.int32]:
        """(n,) the ids themselves where they fit, else their places in order, from 1."""
        numbers = self.numbers()
        if numbers is not None and len(numbers) and numbers.min() >= 1 and numbers.max() <= MAX_ID:
            return numbers.astype(np.int32)
        order = np.argsort(np.array(list(self.index), dtype=object), kind="stable")
        places = np.empty(len(order), dtype=np.int32)
        places[order] = np.arange(1, len(order) + 1)
        return places


def encoded(cells: Any) -> tuple[list[str], NDArray[np.int32]]:
    """The different values of a chunked array as text, and (m,) the place of each cell's among them; -1 for null."""
    one = cells.cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(one, pa.ChunkedArray):  # several chunks, or none
        one = one.combine_chunks()
    return one.dictionary.to_pylist(), pc.fill_null(one.indices, -1).to_numpy(zero_copy_only=False)


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def type_name(kind: Any) -> str:
    """An Arrow type in plain words: text, number, time, list, or Arrow's own name for others."""
    if is_text(kind):
        return "text"
    tests = {
        "number": ("integer", "floating", "decimal"),
        "time": ("timestamp", "date"),
        "list": ("list", "large_list"),
    }
    return next(
        (name for name, own in tests.items() if any(getattr(pa.types, f"is_{one}")(kind) for one in own)), str(kind)
    )


def is_list(batch: Batch, name: str) -> bool:
    """Whether a column's cells are lists."""
    kind = cells_of(batch, name).type
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def cells_of(batch: Batch, name: str) -> Any:
    """A column as a chunked array, without dictionaries; nulls where these rows lack it."""
    if name not in batch.table.column_names:
        return pa.chunked_array([pa.nulls(len(batch.table), pa.string())])
    cells = batch.table.column(name)
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    return cells.cast(pa.string()) if pa.types.is_null(cells.type) else cells


def require(batch: Batch, cells: Any, valid: NDArray[np.bool_], what: str, fix: str) -> None:
    """Refuse the first row that isn't valid; `what` has the placeholder {value}."""
    if not valid.all():
        row = int(np.argmin(valid))
        raise batch.refuse(row, what.format(value=printable(str(cells[row].as_py()))), fix)


def _as_floats(cells: Any) -> NDArray[np.float64]:
    return np.asarray(pd.to_numeric(cells.to_pandas(), errors="coerce").to_numpy(np.float64))


def numbers_of(batch: Batch, name: str) -> NDArray[np.float64]:
    """(m,) numbers, NaN where the cell is empty; true and false are 1 and 0."""
    cells = cells_of(batch, name)
    if is_text(cells.type) and pc.all(pc.is_in(pc.utf8_lower(cells), _TRUTHS, skip_nulls=False)).as_py():
        cells = cells.cast(pa.bool_())
    if pa.types.is_boolean(cells.type):
        cells = cells.cast(pa.int8())
    if is_text(cells.type):
        values = _as_floats(cells)
    elif pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type) or pa.types.is_decimal(cells.type):
        values = cells.cast(pa.float64()).to_numpy()
    else:
        raise batch.refuse(0, f"{name} is of the type {cells.type}", "map a column of numbers there")
    valid = np.isfinite(values) | cells.is_null(nan_is_null=not is_text(cells.type)).to_numpy()
    require(batch, cells, valid, f"{name} is '{{value}}', not a number", "write a number, or leave the cell empty")
    return np.asarray(values)


def seconds_of(batch: Batch, name: str) -> NDArray[np.int64]:
    """(m,) seconds since 1970, 0 where unknown, of numbers in any unit, of text, of dates and times."""
    cells = cells_of(batch, name)
    empty = cells.is_null(nan_is_null=True).to_numpy()
    fix = "write seconds or milliseconds since 1970, or times such as 2024-05-17T08:30:00Z"
    if pa.types.is_date(cells.type):
        cells = cells.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(cells.type):
        micros = cells.cast(pa.timestamp("us", cells.type.tz), safe=False).cast(pa.int64())
        seconds = pc.fill_null(micros, 0).to_numpy() // 10**6
    elif is_text(cells.type) and np.isnan(_as_floats(cells)[~empty]).any():
        times = pd.to_datetime(cells.to_pandas(), format="ISO8601", errors="coerce", utc=True)
        require(batch, cells, times.notna().to_numpy() | empty, f"{name} is '{{value}}', not a time", fix)
        seconds = times.dt.as_unit("s").astype("int64").to_numpy()
    else:
        plain = numbers_of(batch, name)
        known = np.abs(plain[~empty & (plain != 0)])
        size = np.quantile(known, 0.5, method="lower") if len(known) else 0
        unit = next(divisor for most, divisor in _UNITS if size < most)
        smaller = (unit > 1) & (plain != 0) & (np.abs(plain) < _UNITS[0][0] * unit / 1000)
        require(batch, cells, ~smaller, f"{name} is '{{value}}', of another unit than most of the column", fix)
        seconds = np.nan_to_num(plain // unit).clip(-(2**62), 2**62).astype(np.int64)
    what = f"{name} is '{{value}}', which is after the year 2099, or before the year 1"
    require(batch, cells, ((seconds >= FIRST_SECOND) & (seconds <= LAST_SECOND)) | empty, what, f"{fix}, in one unit")
    return np.where(empty, 0, seconds)


def words_of(batch: Batch, name: str) -> list[list[str]]:
    """Each row's words: of a list its entries, of text the text."""
    cells = cells_of(batch, name)
    if pa.types.is_boolean(cells.type):
        return [[] if cell is None else [str(cell).lower()] for cell in cells.to_pylist()]
    if pa.types.is_struct(cells.type) or pa.types.is_map(cells.type):
        raise batch.refuse(0, f"{name} is of the type {cells.type}", "map a column of text, numbers or lists of text")
    listed = [cell if isinstance(cell, list) else [cell] for cell in cells.to_pylist()]
    for row, words in enumerate(listed):
        if any(isinstance(word, dict) for word in words):  # [{"id": 28, "name": "Action"}]
            if not all(isinstance(word, dict) and isinstance(word.get("name"), str) for word in words):
                what = f"{name} is {printable(str(words))}, which is no list of names"
                raise batch.refuse(row, what, 'write ["Action", "Comedy"], or give each entry a "name"')
            listed[row] = [word["name"] for word in words]
    return [[text for word in words if word is not None and (text := str(word).strip())] for words in listed]


def years_of(batch: Batch, name: str) -> list[int]:
    """Each row's year, 0 where unknown."""
    found = (_YEAR.match(" ".join(words)) for words in words_of(batch, name))
    return [int(match[1]) if match else 0 for match in found]


def column_of(batch: Batch, name: str) -> Column:
    """A column of numbers if all cells are, of times as seconds since 1970, else of words."""
    cells = cells_of(batch, name)
    kind = cells.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        seconds = seconds_of(batch, name).astype(np.float64)
        return Numbers(np.where(seconds == 0, np.nan, seconds))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Numbers(numbers_of(batch, name))
    if batch.file.kind == "csv" and is_text(kind) and cells.null_count < len(cells):
        values = _as_floats(cells)
        if (np.isfinite(values) | cells.is_null().to_numpy()).all():
            return Numbers(values)
    return Labels.of(words_of(batch, name))


def describe_columns(table: str, batch: Batch, roles: dict[str, str], read: list[dict[str, str]]) -> None:
    """Add how each column of a file is read, once for each column of a table."""
    known = {fact["column"] for fact in read if fact["table"] == table}
    as_what: dict[str, list[str]] = {}
    for role, name in roles.items():
        as_what.setdefault(name, []).append(role)
    for name in batch.names:
        if name in known:
            continue
        fact = {"table": table, "column": name, "read_as": "ignored", "type": "", "example": ""}
        if name in as_what:
            cells = cells_of(batch, name).drop_null()
            example = printable(str(cells[0].as_py())) if len(cells) else ""
            fact |= {"read_as": ", ".join(as_what[name]), "type": type_name(cells.type), "example": example}
        read.append(fact)
