"""Explain why rows of a file were refused: the line, what is wrong with it, how many more there are, and the fix."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

import numpy as np
import pyarrow as pa

from marquee.errors import DataError

MAX_ID = np.iinfo(np.int32).max
EXAMPLES = 3
ENOUGH = 10_000  # bad rows of a file: nobody needs an exact count of millions, and finding them takes minutes
_SHOWN = 120  # characters of a bad line
LINE_END = re.compile(r"\r\n|\r|\n")
# As strict as Arrow: Python's int() and float() also accept "1_000", and its dates "20050402".
_WHOLE = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}(:[0-9]{2}(:[0-9]{2})?)?)?")
_TIMES = 'whole seconds since 1970, or times such as "2005-04-02 23:53:47" throughout the file'


class Kind(Enum):
    """What a cell must hold: Arrow type, pattern, least and greatest value, description, and the fix."""

    ID = (pa.int32(), _WHOLE, 1, MAX_ID, f"a whole number from 1 to {MAX_ID}", "renumber the ids, or remove the row")
    # May be empty. float64, since pandas writes "862.0" where a column has gaps; exact up to 2**53.
    OPTIONAL_ID = (
        *(pa.float64(), _NUMBER, 1, 2**53 - 1, f"a whole number from 1 to {2**53 - 1}"),
        "write the film's TMDB id, or leave the cell empty",
    )
    RATING = (
        *(pa.float32(), _NUMBER, 0.5, 5, "a number from 0.5 to 5"),
        "rescale the ratings to run from 0.5 to 5, or remove the row",
    )
    SHARE = (pa.float32(), _NUMBER, 0, 1, "a number from 0 to 1", "rescale the values to run from 0 to 1")
    SECONDS = (pa.int64(), _WHOLE, -(2**63), 2**63 - 1, "whole seconds since 1970", f"write {_TIMES}")
    TIME = (pa.timestamp("s"), _TIME, -(2**63), 2**63 - 1, "a time", f"write {_TIMES}")
    TITLE = (pa.string(), None, 0, 0, "text", "fill the cell, or remove the row")
    TEXT = (pa.string(), None, 0, 0, "text or nothing", "")

    def __init__(
        self, arrow: pa.DataType, pattern: re.Pattern[str] | None, low: float, high: float, expected: str, fix: str
    ) -> None:
        self.arrow, self.pattern = arrow, pattern
        self.low, self.high, self.expected, self.fix = low, high, expected, fix

    @property
    def may_be_empty(self) -> bool:
        """Whether an empty cell is valid."""
        return self in (Kind.TEXT, Kind.OPTIONAL_ID)

    def accepts(self, cell: str) -> bool:
        """Whether a cell that isn't blank is valid."""
        if self.pattern is None:
            return True
        cell = cell.strip(" \t")  # as Arrow does
        if not self.pattern.fullmatch(cell):
            return False
        if self is Kind.TIME:
            return _is_date(cell)
        value = float(cell)
        return self.low <= value <= self.high and (self is not Kind.OPTIONAL_ID or value == math.floor(value))


@dataclass(frozen=True)
class BadRow:
    """A row that was refused; rows with the same fix are counted together."""

    line: int
    what: str
    fix: str
    text: str


def find_bad_rows(
    text: str, first_line: int, columns: Sequence[tuple[int, str, Kind]], width: int, delimiter: str, *, quoted: bool
) -> Iterator[BadRow]:
    """Find the rows that break a rule, and the first rule that each of them breaks.

    Args:
        text: Whole lines; a byte that isn't UTF-8 is a lone surrogate.
        first_line: Line number of the first of them.
        columns: Position, name and kind of each column that is read.
        width: Cells that each row must have.
        delimiter: What separates two cells.
        quoted: Whether cells may be in double quotes.
    """
    for line, row in enumerate(LINE_END.split(text), first_line):
        if row and (found := _fault(row, columns, width, delimiter, quoted=quoted)):
            shown = row.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            yield BadRow(line, *found, shown)


def _fault(
    row: str, columns: Sequence[tuple[int, str, Kind]], width: int, delimiter: str, *, quoted: bool
) -> tuple[str, str] | None:
    if any("\udc80" <= char <= "\udcff" for char in row):
        return "this isn't UTF-8 text", "convert the file to UTF-8: iconv -f latin1 -t utf-8 {name} > fixed.csv"
    if "\0" in row:
        return "there is a NUL byte in this row", "the file is damaged: copy or download it again"
    try:
        cells = next(csv.reader([row], delimiter=delimiter)) if quoted else row.split(delimiter)
    except csv.Error:  # a cell above csv's limit
        cells = [row]
    unclosed = (
        "a quoted cell runs over the end of the line",
        'close the double quote in this row, and write a quote inside a cell as ""',
    )
    has_open_quote = quoted and row.count('"') % 2 == 1
    if len(cells) != width:
        how = "put a cell that holds a {0} in double quotes" if quoted else "no cell may hold a {0}"
        return (
            unclosed
            if has_open_quote
            else (
                f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'} where the file has {width} columns",
                f"give each row as many cells as the file has columns; {how.format(delimiter)}",
            )
        )
    for position, name, kind in columns:
        cell = cells[position]
        if not cell.strip() and not (kind.may_be_empty and (not cell or kind is Kind.TEXT)):
            return f"{name} is empty", "fill the cell, or remove the row"
        if cell and not kind.accepts(cell):
            return f"{name} is '{printable(cell)}', not {kind.expected}", kind.fix
    if delimiter == "::" and "\t" in row:
        return "there is a tab in this row", "write a space instead of the tab"
    return unclosed if has_open_quote else None


def _is_date(cell: str) -> bool:
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True


def refuse(path: Path, rows: Sequence[BadRow], total: int | None = None) -> DataError:
    """The error for a file with bad rows: about the first fault in it, with examples and counts.

    Args:
        path: The file.
        rows: Its bad rows, in order, up to ENOUGH.
        total: How many rows have the first one's fault, where not all are given.
    """
    first = rows[0]
    same = [row for row in rows if row.fix == first.fix]
    lines = [f"{path}, line {first.line}: {first.what}"]
    lines += [_quote(first)] if first.text else []
    if rest := (total or len(same)) - 1:
        at_least = "at least " if len(rows) >= ENOUGH else ""
        lines.append(f"  and {at_least}{rest:,} more such {'rows' if rest > 1 else 'row'}, among them:")
        lines += [_quote(row) for row in same[1:EXAMPLES]]
    if other := len(rows) - len(same):
        lines.append(f"  {other:,} {'rows have' if other > 1 else 'row has'} another fault")
    return DataError("\n".join(lines), fix=first.fix.replace("{name}", path.name))


def printable(text: str) -> str:
    """The text on one line, at most 120 characters, with what can't be printed written as an escape."""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in shown)


def _quote(row: BadRow) -> str:
    return f"    line {row.line}: {printable(row.text)}"
