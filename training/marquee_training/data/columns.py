"""What a column may hold, and how a file's lines are cut into columns."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MAX_ID = np.iinfo(np.int32).max
MIN_RATING, MAX_RATING = 0.5, 5.0
MAX_OPTIONAL_ID = 2**53 - 1  # ids that may be empty are read as float64, which is exact up to here


class Kind(Enum):
    """What a cell must be. The value is the Arrow type that the fast path reads it with."""

    ID = "int32"
    OPTIONAL_ID = "float64"  # also takes the "862.0" that pandas writes where a column has gaps
    RATING = "float"
    SHARE = "float32"  # 0 to 1
    SECONDS = "int64"  # whole seconds since 1970, or text such as "2005-04-02 23:53:47"
    TITLE = "string"
    TEXT = "utf8"  # may be empty


_ARROW = {
    Kind.ID: pa.int32(),
    Kind.OPTIONAL_ID: pa.float64(),
    Kind.RATING: pa.float32(),
    Kind.SHARE: pa.float32(),
    Kind.SECONDS: pa.int64(),
    Kind.TITLE: pa.string(),
    Kind.TEXT: pa.string(),
}


@dataclass(frozen=True)
class Column:
    """A column that a reader needs."""

    name: str
    kind: Kind

    def arrow_type(self, *, text_time: bool) -> pa.DataType:
        """The type to read it with; `text_time` says that the timestamps are written as text."""
        return pa.timestamp("s") if text_time and self.kind is Kind.SECONDS else _ARROW[self.kind]

    @property
    def is_text(self) -> bool:
        """Whether the cells stay text."""
        return self.kind in (Kind.TITLE, Kind.TEXT)


@dataclass(frozen=True)
class Layout:
    """How a file's lines are cut.

    Attributes:
        delimiter: What stands between two cells.
        names: The columns, where the file has no header line.
        latin1: Whether text that isn't UTF-8 is latin-1 (GroupLens' files of 1998 to 2003).
    """

    delimiter: str = ","
    names: tuple[str, ...] | None = None
    latin1: bool = False

    @property
    def quoted(self) -> bool:
        """Whether cells may stand in double quotes."""
        return self.names is None


CSV = Layout()


def values_of(column: Column, cells: pa.ChunkedArray) -> NDArray[np.generic] | pa.ChunkedArray | None:
    """Typed values of a column that Arrow has read, or None if any breaks the rules of its kind.

    Text stays in Arrow (lean); numbers become numpy: int32, int64 or float32.
    """
    if column.is_text:
        return cells if _clean_text(column, cells) else None
    if cells.null_count and column.kind is not Kind.OPTIONAL_ID:
        return None
    if column.kind is Kind.SECONDS:
        return np.asarray(cells.cast(pa.int64()).to_numpy())
    values = np.asarray(cells.to_numpy())
    if column.kind is Kind.OPTIONAL_ID:
        empty = np.asarray(cells.is_null().to_numpy())
        whole = (values >= 1) & (values <= MAX_OPTIONAL_ID) & (values == np.floor(values))
        return np.where(empty, 0, values).astype(np.int64) if bool((whole | empty).all()) else None
    low, high = {
        Kind.ID: (1, MAX_ID),
        Kind.RATING: (MIN_RATING, MAX_RATING),
        Kind.SHARE: (0.0, 1.0),
    }[column.kind]
    # NaN fails both comparisons, so it needs no test of its own.
    return values if bool(((values >= low) & (values <= high)).all()) else None


def _clean_text(column: Column, cells: pa.ChunkedArray) -> bool:
    # A quote that was never closed swallows the lines after it, so a cell over two lines is a fault.
    if any(pc.any(pc.match_substring(cells, end)).as_py() for end in "\n\r"):
        return False
    return column.kind is Kind.TEXT or not pc.any(pc.equal(pc.utf8_trim_whitespace(cells), "")).as_py()
