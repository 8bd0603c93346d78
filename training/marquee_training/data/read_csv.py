"""Reads one file of rows, typed and in bounded memory; a piece that fails gets the slow, exact diagnosis."""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from marquee_training.data.columns import CSV, Column, Kind, Layout, values_of
from marquee_training.data.row_errors import diagnose
from marquee_training.data.faults import Fault, FaultLog, Row, printable
from marquee.errors import DataError

_CHUNK = 16 * 2**20  # bytes; a few hundred thousand ratings
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TIME_AS_TEXT = re.compile(r"\d{4}-\d")


@dataclass(frozen=True)
class Table:
    """A file's columns.

    Attributes:
        path: The file.
        layout: How its lines were cut.
        numbers: By name, numpy arrays of the numeric columns.
        texts: By name, the text columns (Arrow strings).
        n_rows: Rows, the header not counted.
        sha256: Hash of the content, unpacked where the file is gzipped.
        is_cut: Whether the last line has no end, as in a copy that broke off.
    """

    path: Path
    layout: Layout
    numbers: dict[str, NDArray[np.generic]]
    texts: dict[str, pa.ChunkedArray]
    n_rows: int
    sha256: str
    is_cut: bool = False


def open_rows(path: Path) -> IO[bytes]:
    """Opens a file of rows for reading, gzipped or not."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def read_table(
    path: Path,
    columns: Sequence[Column],
    layout: Layout = CSV,
    *,
    may_be_empty: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    chunk_bytes: int = _CHUNK,
) -> Table:
    """Reads the named columns of a file.

    Args:
        path: The file; `.gz` = gzipped.
        columns: What to read; other columns are left alone.
        layout: How lines are cut.
        may_be_empty: Whether a file without rows is fine.
        advance: Is told the bytes of the (unpacked) file as they are read.
        chunk_bytes: How much is parsed at a time.

    Raises:
        DataError: The file breaks a rule; the message names the line and the fix.
    """
    digest = hashlib.sha256()
    line = 1
    try:
        with open_rows(path) as stream:
            names = layout.names
            if names is None:
                head = stream.readline()
                digest.update(head)
                advance(len(head))
                names = _header(path, head, columns)
                line = 2
            picked = [(names.index(column.name), column) for column in columns]
            parser = _Parser(path, layout, len(names), picked)
            chunk = b""
            for chunk in _whole_lines(stream, chunk_bytes):
                digest.update(chunk)
                if not parser.add(chunk, line):
                    break
                line += _count_lines(chunk)
                advance(len(chunk))
    except PermissionError as error:
        raise DataError(
            f"{path} can't be opened: {error.strerror}", fix=f"make it readable: chmod +r {path}"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}, line {line} or later: can't be read to its end ({error})",
            fix="the file is cut short or damaged: copy or download it again",
        ) from error
    table = parser.finish(digest.hexdigest(), last_line=line, may_be_empty=may_be_empty)
    return replace(table, is_cut=bool(chunk) and not chunk.endswith((b"\n", b"\r")))


def locate(table: Table, rows: Sequence[int], tell: Callable[[int], tuple[Fault, str]]) -> list[Row]:
    """Finds rows of a table again in its file.

    Args:
        table: What `read_table` made.
        rows: Row numbers from 0, ascending.
        tell: Says what is wrong with the i-th of them.
    """
    found = []
    wanted = dict(zip(rows, range(len(rows)), strict=True))
    for row, (line, text) in enumerate(_numbered_rows(table)):
        if row in wanted:
            fault, what = tell(wanted[row])
            found.append(Row(line, fault, what, text))
            if len(found) == len(rows):
                break
    return found


def lines_of(table: Table, rows: Sequence[int]) -> dict[int, int]:
    """Line numbers of rows (numbered from 0)."""
    wanted, last = set(rows), max(rows)
    numbered = zip(range(last + 1), _numbered_rows(table), strict=False)
    return {row: line for row, (line, _) in numbered if row in wanted}


def _numbered_rows(table: Table) -> Iterator[tuple[int, str]]:
    encoding = "latin-1" if table.layout.latin1 else "utf-8"
    with io.TextIOWrapper(cast("io.BufferedReader", open_rows(table.path)), encoding, "backslashreplace") as lines:
        for line, text in enumerate(lines, 1):  # ends are \n, \r\n and \r, as everywhere here
            if (row := text.rstrip("\n")) and (line > 1 or not table.layout.quoted):
                yield line, row


def _header(path: Path, head: bytes, columns: Sequence[Column]) -> tuple[str, ...]:
    if not head.strip(b"\r\n \t"):
        fix = f"the first line must name the columns: {','.join(column.name for column in columns)}"
        raise DataError(f"{path}, line 1: the file is empty", fix=fix)
    text = head.removeprefix(_BOM).decode("utf-8", "backslashreplace").rstrip("\r\n")
    if fault := _header_fault(head, text):
        log = FaultLog(path)
        log.extend([Row(1, *fault, text)])
        raise log.error()
    try:
        names = tuple(cell.strip() for cell in next(csv.reader([text])))
    except csv.Error:
        names = (text,)
    if missing := [column.name for column in columns if column.name not in names]:
        word = "column" if len(missing) == 1 else "columns"
        raise DataError(
            f"{path}, line 1: {word} {', '.join(missing)} missing\n    line 1: {printable(text)}",
            fix=f"the first line must name, separated by commas: {','.join(column.name for column in columns)}",
        )
    if twice := [column.name for column in columns if names.count(column.name) > 1]:
        raise DataError(
            f"{path}, line 1: column {twice[0]} stands there twice\n    line 1: {printable(text)}",
            fix="rename one of the two: it isn't clear which one to read",
        )
    return names


def _header_fault(head: bytes, text: str) -> tuple[Fault, str] | None:
    if head.startswith(_UTF16):
        return Fault.UTF16, "this is UTF-16, not UTF-8 text"
    if b"\0" in head:
        return Fault.NUL, "there is a NUL byte in this row"
    if "\r" in text:
        return Fault.OLD_MAC, "the lines end in a carriage return alone"
    return None


def _count_lines(chunk: bytes) -> int:
    return chunk.count(b"\n") + (chunk.count(b"\r") - chunk.count(b"\r\n") if b"\r" in chunk else 0)


def _whole_lines(stream: IO[bytes], n_bytes: int) -> Iterator[bytes]:
    while chunk := stream.read(n_bytes):
        yield chunk + stream.readline()


class _Parser:
    """Turns chunks into arrays until the first fault, and only looks for faults after it."""

    def __init__(self, path: Path, layout: Layout, width: int, picked: list[tuple[int, Column]]) -> None:
        self._path, self._layout, self._width, self._picked = path, layout, width, picked
        plain, quoted = "no cell may hold a {}", "put a cell that holds a {} in double quotes"
        quoting = (quoted if layout.quoted else plain).format(layout.delimiter)
        self._faults = FaultLog(path, {"quoting": quoting})
        self._parts: dict[str, list[NDArray[np.generic] | pa.ChunkedArray]] = {c.name: [] for _, c in picked}
        self._n_rows = 0
        self._text_time: bool | None = None

    def add(self, chunk: bytes, line: int) -> bool:
        """Takes in whole lines, the first of which has the given number; False = there is no use in going on."""
        if not chunk.strip():
            return True
        if self._text_time is None:
            self._text_time = self._looks_like_text_time(chunk)
        reason = self._parse(chunk)
        if reason is None:
            return True
        before = len(self._faults)
        self._faults.extend(diagnose(chunk, line, self._width, self._picked, self._layout, text_time=self._text_time))
        if len(self._faults) == before:  # what the two parsers disagree about is still reported, if less exactly
            self._faults.extend([Row(line, Fault.UNREADABLE, f"here or below: {reason}", "")])
        return not self._faults.is_full

    def finish(self, sha256: str, *, last_line: int, may_be_empty: bool) -> Table:
        if self._faults:
            raise self._faults.error()
        if not self._n_rows and not may_be_empty:
            what = "there is a header but no row" if self._layout.names is None else "the file is empty"
            line = last_line if self._layout.names is None else 1
            raise DataError(f"{self._path}, line {line}: {what}", fix="check that the file was copied whole")
        numbers: dict[str, NDArray[np.generic]] = {}
        texts: dict[str, pa.ChunkedArray] = {}
        for _, column in self._picked:
            parts = self._parts.pop(column.name)  # one column at a time, so that memory peaks low
            if column.is_text:
                chunks = [chunk for part in parts if isinstance(part, pa.ChunkedArray) for chunk in part.chunks]
                texts[column.name] = pa.chunked_array(chunks, type=pa.string())
            else:
                empty = np.empty(0, dtype=np.int64 if column.kind is not Kind.ID else np.int32)
                numbers[column.name] = np.concatenate(parts) if parts else empty
        return Table(self._path, self._layout, numbers, texts, self._n_rows, sha256)

    def _parse(self, chunk: bytes) -> str | None:
        """Parses a chunk into `_parts`; returns why not, where it breaks a rule."""
        if b"\0" in chunk:
            return "a NUL byte"
        try:
            table = arrow_csv.read_csv(pa.BufferReader(self._as_arrow_reads(chunk)), *self._options())
        except (pa.ArrowException, UnicodeError, ValueError) as error:
            return str(error).split("\n")[0]
        values = [values_of(column, table.column(f"{at}")) for at, column in self._picked]
        if any(value is None for value in values):
            return "a value breaks the rules of its column"
        if self._faults:
            return None  # nothing of this file will be used: keep no arrays
        for (_, column), value in zip(self._picked, values, strict=True):
            self._parts[column.name].append(value)
        self._n_rows += table.num_rows
        return None

    def _options(self) -> tuple[arrow_csv.ReadOptions, arrow_csv.ParseOptions, arrow_csv.ConvertOptions]:
        delimiter = "\t" if self._layout.delimiter == "::" else self._layout.delimiter
        optional = any(column.kind is Kind.OPTIONAL_ID for _, column in self._picked)
        types = {f"{at}": column.arrow_type(text_time=bool(self._text_time)) for at, column in self._picked}
        return (
            arrow_csv.ReadOptions(column_names=[f"{at}" for at in range(self._width)]),
            arrow_csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if self._layout.quoted else False,
                newlines_in_values=False,
            ),
            arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[""] if optional else [],
                strings_can_be_null=False,
            ),
        )

    def _as_arrow_reads(self, chunk: bytes) -> bytes:
        if self._layout.delimiter == "::":
            if b"\t" in chunk:  # would pass for a delimiter
                raise ValueError("a tab in the file")
            chunk = chunk.replace(b"::", b"\t")
        if self._layout.latin1:
            try:
                chunk.decode("utf-8")
            except UnicodeDecodeError:
                return chunk.decode("latin-1").encode("utf-8")
        return chunk

    def _looks_like_text_time(self, chunk: bytes) -> bool:
        at = next((at for at, column in self._picked if column.kind is Kind.SECONDS), None)
        if at is None:
            return False
        first = chunk.lstrip().split(b"\n", 1)[0].decode("latin-1")
        cells = first.split(self._layout.delimiter)
        return at < len(cells) and bool(_TIME_AS_TEXT.match(cells[at].strip(' "\r')))
