"""The slow pass over lines that the fast reader refused: finds the rows and says what is wrong."""

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from marquee_training.data.columns import MAX_ID, MAX_OPTIONAL_ID, MAX_RATING, MIN_RATING, Column, Kind, Layout
from marquee_training.data.faults import Fault, Row, printable

_LINE_END = re.compile(r"\r\n|\r|\n")
# As strict as Arrow: Python's own int() and float() also take "1_000", and its dates "20050402".
_WHOLE = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?(nan|inf|infinity)", re.IGNORECASE)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}(:[0-9]{2}(:[0-9]{2})?)?)?")


def diagnose(
    chunk: bytes,
    first_line: int,
    width: int,
    columns: Sequence[tuple[int, Column]],
    layout: Layout,
    *,
    text_time: bool,
) -> Iterator[Row]:
    """Yields every faulty row, at most one fault each.

    Args:
        chunk: Whole lines of the file.
        first_line: Line number of the first of them, 1-based.
        width: Cells that each row must have.
        columns: The columns that are read, each with its position.
        layout: How lines are cut.
        text_time: Whether this file writes its timestamps as text.
    """
    # A byte that isn't UTF-8 becomes a lone surrogate, so that it survives until its row is known.
    text = _decode(chunk, layout)
    lines = _LINE_END.split(text)
    for at, n_lines, cells in _records(text, layout):
        shown = lines[at].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        found = _fault_of(cells, n_lines, width, columns, text_time=text_time)
        if not found and layout.delimiter == "::" and "\t" in shown:
            found = Fault.TAB, "there is a tab in this row"
        if found:
            yield Row(first_line + at, found[0], found[1], shown)


def _decode(chunk: bytes, layout: Layout) -> str:
    try:
        return chunk.decode("utf-8")
    except UnicodeDecodeError:
        return chunk.decode("latin-1") if layout.latin1 else chunk.decode("utf-8", "surrogateescape")


def _records(text: str, layout: Layout) -> Iterator[tuple[int, int, list[str] | None]]:
    """Index of the first line, number of lines, and the cells (None = can't be cut) of each row."""
    if not layout.quoted:
        for at, line in enumerate(_LINE_END.split(text)):
            if line:
                yield at, 1, line.split(layout.delimiter)
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter)
    at = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell larger than csv's limit: an unclosed quote
            yield at, reader.line_num - at, None
            return
        if cells:
            yield at, reader.line_num - at, cells
        at = reader.line_num


def _fault_of(
    cells: list[str] | None,
    n_lines: int,
    width: int,
    columns: Sequence[tuple[int, Column]],
    *,
    text_time: bool,
) -> tuple[Fault, str] | None:
    if cells is None or n_lines > 1:
        return Fault.UNCLOSED, "a quoted cell runs over the end of the line"
    row = "".join(cells)
    if any("\udc80" <= char <= "\udcff" for char in row):
        return Fault.ENCODING, "this isn't UTF-8 text"
    if "\0" in row:
        return Fault.NUL, "there is a NUL byte in this row"
    if len(cells) != width:
        return Fault.RAGGED, f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'} where the file has {width} columns"
    for position, column in columns:
        if found := _cell_fault(column, cells[position], text_time=text_time):
            return found
    return None


def _cell_fault(column: Column, cell: str, *, text_time: bool) -> tuple[Fault, str] | None:
    if column.kind is Kind.TEXT or (column.kind is Kind.OPTIONAL_ID and not cell):
        return None
    if not cell.strip():
        return Fault.EMPTY, f"{column.name} is empty"
    if column.kind is Kind.TITLE:
        return None
    cell = cell.strip(" \t")  # what Arrow takes off a number
    if column.kind is Kind.SECONDS:
        return _time_fault(column.name, cell, text_time=text_time)
    whole = column.kind in (Kind.ID, Kind.OPTIONAL_ID)
    if not (_WHOLE if column.kind is Kind.ID else _NUMBER).fullmatch(cell):
        fault = Fault.BAD_TMDB_ID if column.kind is Kind.OPTIONAL_ID else Fault.NOT_A_NUMBER
        return fault, f"{column.name} is '{printable(cell)}', not a {'whole ' if whole else ''}number"
    value = float(cell)
    if column.kind is Kind.ID:
        found = Fault.BAD_ID, f"{column.name} is {printable(cell)}, outside 1 to {MAX_ID}"
        return None if 1 <= value <= MAX_ID else found
    if whole:
        what = f"{column.name} is {printable(cell)}, not a whole number from 1 to {MAX_OPTIONAL_ID}"
        fits = 1 <= value <= MAX_OPTIONAL_ID and value == int(value)
        return None if fits else (Fault.BAD_TMDB_ID, what)
    if column.kind is Kind.SHARE:
        return None if 0 <= value <= 1 else (Fault.BAD_SHARE, f"{column.name} is {printable(cell)}, outside 0 to 1")
    if not math.isfinite(value):
        return Fault.BAD_RATING, f"{column.name} is {printable(cell)}, not a finite number"
    if not MIN_RATING <= value <= MAX_RATING:
        return Fault.BAD_RATING, f"{column.name} is {printable(cell)}, outside {MIN_RATING:g} to {MAX_RATING:g}"
    return None


def _time_fault(name: str, cell: str, *, text_time: bool) -> tuple[Fault, str] | None:
    try:
        if text_time and _TIME.fullmatch(cell):
            datetime.fromisoformat(cell)
        elif text_time or not _WHOLE.fullmatch(cell) or not -(2**63) <= int(cell) < 2**63:
            raise ValueError(cell)
    except ValueError:
        return Fault.BAD_TIME, f"{name} is '{printable(cell)}', not {'a time' if text_time else 'whole seconds'}"
    return None
