"""What the cells of a column may hold, and errors that name the line that breaks a rule, its text and the fix."""

import csv
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from marquee.errors import DataError

MAX_ID = np.iinfo(np.int32).max
EXAMPLES = 3
ENOUGH = 1000  # bad rows of a file: nobody needs an exact count of millions, and each takes a millisecond to explain
DAMAGED = "the file is cut short or damaged: copy or download it again"
_SHOWN = 120  # characters of a bad line
_TIMES = (
    "write whole seconds since 1970 (milliseconds divided by 1000), "
    'or times such as "2005-04-02 23:53:47" throughout the file'
)
FIRST_SECOND, LAST_SECOND = -62_135_596_800, 4_102_444_799  # the years 1 to 2099: more are another unit

BadRow = tuple[int, str, str, str]
"""Line number, what is wrong, the fix, and the line's text; rows with the same fix are counted together."""


class Kind(Enum):
    """What a cell must hold: Arrow type, least and greatest number, description, and the fix."""

    ID = (
        *(pa.int32(), 1, MAX_ID, f"a whole number from 1 to {MAX_ID}"),
        "remove the row, or renumber the ids; ids of other kinds need a mapping, docs/your-catalogue.md",
    )
    # May be empty. float64, since pandas writes "862.0" where a column has gaps; exact up to 2**53.
    OPTIONAL_ID = (
        *(pa.float64(), 1, 2**53 - 1, f"a whole number from 1 to {2**53 - 1}"),
        "write the number of the film's TMDB or IMDb id, or leave the cell empty",
    )
    # Thumbs, which only the whole column shows, may be -1 and 0 (movielens.py).
    RATING = (
        *(pa.float32(), -1, 5, "a number from 0.5 to 5"),
        "rescale the ratings to run from 0.5 to 5 (thumbs: to 1 and 0), or remove the column: each row is a like then",
    )
    SHARE = (pa.float32(), 0, 1, "a number from 0 to 1", "rescale the values to run from 0 to 1")
    # May be empty, which becomes 0.
    SECONDS = (pa.int64(), FIRST_SECOND, LAST_SECOND, "whole seconds since 1970, before the year 2100", _TIMES)
    TIME = (pa.timestamp("s"), FIRST_SECOND, LAST_SECOND, "a time before the year 2100", _TIMES)
    TITLE = (pa.string(), 0, 0, "text", "fill the cell, or remove the row")
    TEXT = (pa.string(), 0, 0, "text or nothing", "")

    def __init__(self, arrow: pa.DataType, low: float, high: float, expected: str, fix: str) -> None:
        self.arrow, self.low, self.high, self.expected, self.fix = arrow, low, high, expected, fix

    @property
    def is_text(self) -> bool:
        """Whether the column stays in Arrow, rather than becoming a numpy array."""
        return self in (Kind.TITLE, Kind.TEXT)

    @property
    def may_be_empty(self) -> bool:
        """Whether an empty cell of a number is valid; it becomes 0."""
        return self in (Kind.OPTIONAL_ID, Kind.SECONDS, Kind.TIME)


def checked_values(kind: Kind, cells: pa.ChunkedArray) -> NDArray[Any] | pa.ChunkedArray:
    """Values of a column: text stays in Arrow, numbers become numpy arrays; ValueError for one that isn't valid."""
    if kind.is_text:
        # A quote that was never closed swallows the lines after it, so a cell over two lines is an error.
        is_valid = not any(pc.any(pc.match_substring(cells, end)).as_py() for end in "\n\r")
        if kind is Kind.TITLE:
            is_valid &= not pc.any(pc.equal(pc.utf8_trim_whitespace(cells), "")).as_py()
        if not is_valid:
            raise ValueError(f"a cell isn't {kind.expected}")
        return cells
    numbers = cells.cast(pa.int64()) if kind is Kind.TIME else cells
    if kind in (Kind.SECONDS, Kind.TIME):
        numbers = pc.fill_null(numbers, 0)
    values: NDArray[Any] = numbers.to_numpy()
    valid = (values >= kind.low) & (values <= kind.high)  # false for NaN, which also stands for an empty cell
    if kind is Kind.OPTIONAL_ID:
        empty = cells.is_null().to_numpy()
        valid = empty | (valid & (values == np.floor(values)))
        values = np.where(empty, 0, values)
    if not valid.all():
        raise ValueError(f"a value isn't {kind.expected}")
    return values.astype(np.int64) if kind is Kind.OPTIONAL_ID else values


def explain(
    row: str, columns: Mapping[str, Kind], names: Sequence[str], delimiter: str, *, quoted: bool
) -> tuple[str, str] | None:
    """The first rule that a line breaks, and the fix; bytes that aren't UTF-8 are lone surrogates in the text."""
    if any("\udc80" <= char <= "\udcff" for char in row):
        return "this isn't UTF-8 text", "convert the file to UTF-8: iconv -f latin1 -t utf-8 {name} > fixed.csv"
    if "\0" in row:
        return "there is a NUL byte in this row", DAMAGED
    try:
        cells = next(csv.reader([row], delimiter=delimiter)) if quoted else row.split(delimiter)
    except csv.Error:  # a cell above csv's limit
        cells = [row]
    if len(cells) == len(names):
        for name, kind in columns.items():
            cell = cells[names.index(name)]
            if not cell.strip() and kind is not Kind.TEXT and (cell or not kind.may_be_empty):
                return f"{name} is empty", "fill the cell, or remove the row"
            try:
                # Arrow's CSV reader strips these two before it converts a number.
                text = pa.chunked_array([[cell.strip(" \t") or None]], pa.string())
                checked_values(kind, text.cast(kind.arrow))
            except (pa.ArrowException, ValueError):
                return f"{name} is '{printable(cell)}', not {kind.expected}", kind.fix
    if quoted and row.count('"') % 2 == 1:
        fix = 'close the double quote in this row, and write a quote inside a cell as ""'
        return "a quoted cell runs over the end of the line", fix
    if len(cells) != len(names):
        how = f"put a cell that holds a {delimiter} in double quotes" if quoted else f"no cell may hold a {delimiter}"
        return (
            f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'} where the file has {len(names)} columns",
            f"give each row as many cells as the file has columns; {how}",
        )
    if delimiter == "::" and "\t" in row:
        return "there is a tab in this row", "write a space instead of the tab"
    return None


def refuse(path: Path, rows: Sequence[BadRow], total: int | None = None) -> DataError:
    """The error for a file with bad rows, in order: about the first one's fault, with examples and counts.

    `total` is the number of rows with that fault, where not all of them are given.
    """
    line, what, fix, text = rows[0]
    same = [row for row in rows if row[2] == fix]
    lines = [f"{path}, line {line}: {what}"]
    lines += [_quote(rows[0])] if text else []
    if rest := (total or len(same)) - 1:
        at_least = "at least " if len(rows) >= ENOUGH else ""
        lines.append(f"  and {at_least}{rest:,} more such {'rows' if rest > 1 else 'row'}, among them:")
        lines += [_quote(row) for row in same[1:EXAMPLES]]
    if other := len(rows) - len(same):
        lines.append(f"  {other:,} {'rows have' if other > 1 else 'row has'} another fault")
    return DataError("\n".join(lines), fix=fix.replace("{name}", path.name))


def printable(text: str) -> str:
    """The text on one line, at most 120 characters, with what can't be printed written as an escape."""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in shown)


def _quote(row: BadRow) -> str:
    return f"    line {row[0]}: {printable(row[3])}"
