"""Read a delimited text file with Arrow, block by block, into typed columns; `row_errors` explains what it refuses."""

import csv
import hashlib
import io
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from gzip import GzipFile
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from marquee.errors import DataError
from marquee_training.data.row_errors import (
    DAMAGED,
    ENOUGH,
    EXAMPLES,
    BadRow,
    Kind,
    checked_values,
    explain,
    printable,
    refuse,
)

FIRST_ROWS = 1000
_BLOCK = 16 * 2**20  # bytes; a few hundred thousand ratings


@dataclass(frozen=True)
class FileFormat:
    """How a file is laid out.

    Attributes:
        name: The file's name.
        columns: What is read, by the column's name; other columns are ignored.
        delimiter: What separates two cells.
        header: All columns, where the file has no header line. Such files have no quotes either.
        latin1: Whether text that isn't UTF-8 is Latin-1, as in GroupLens' files of 1998 to 2003.
        optional: Columns that a file may lack, the last ones of `header`. It may lack the first of them only if it has
            no unknown column, which could be that one under another name.
    """

    name: str
    columns: dict[str, Kind]
    delimiter: str = ","
    header: tuple[str, ...] | None = None
    latin1: bool = False
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A file's columns.

    Attributes:
        columns: int32, int64 or float32 arrays, or Arrow strings, by name; without those that the file lacks.
        sha256: Hash of the (unpacked) content.
        is_cut: Whether the last line has no end, as in an incomplete copy.
    """

    path: Path
    file_format: FileFormat
    columns: dict[str, Any]
    sha256: str
    is_cut: bool


def open_rows(path: Path) -> IO[bytes]:
    """Open a file for reading, gzipped or not."""
    return cast("IO[bytes]", GzipFile(path)) if path.suffix == ".gz" else path.open("rb")


def read_table(
    path: Path,
    file_format: FileFormat,
    *,
    may_be_empty: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    block_bytes: int = _BLOCK,
) -> Table:
    """Read a file, gzipped (`.gz`) or not, block by block; `advance` gets the number of (unpacked) bytes of each.

    Raises:
        DataError: The file breaks a rule; the message names the line and the fix.
    """
    digest = hashlib.sha256()
    parts: dict[str, list[Any]] = defaultdict(list)
    bad: list[BadRow] = []
    names, line, block = file_format.header, 1, b""
    try:
        with open_rows(path) as stream:
            if names is None:
                block = stream.readline()
                digest.update(block)
                advance(len(block))
                names, line = _header(path, block, file_format), 2
            elif file_format.optional:
                with open_rows(path) as twin:
                    cells = twin.readline().count(file_format.delimiter.encode()) + 1
                names = names[: max(cells, len(names) - len(file_format.optional))]
            parser = _Parser(file_format, names)
            for block in iter(lambda: stream.read(block_bytes) + stream.readline(), b""):
                digest.update(block)
                values, problem = parser.parse(block)
                if problem:
                    found = list(islice(parser.bad_rows(block, line), ENOUGH - len(bad)))
                    # What can't be found row by row is still reported, if less exactly.
                    bad += found or [(line, f"here or below: {problem}", "download or copy the file again", "")]
                    if len(bad) >= ENOUGH:
                        break
                elif not bad:
                    for name, part in values.items():
                        parts[name].append(part)
                line += block.count(b"\n") + (block.count(b"\r") - block.count(b"\r\n") if b"\r" in block else 0)
                advance(len(block))
    except PermissionError as error:
        fix = f"make it readable: chmod +r {path}"
        raise DataError(f"{path} can't be opened: {error.strerror}", fix=fix) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}, line {line} or later: can't be read to its end ({error})", fix=DAMAGED) from error
    if bad:
        raise refuse(path, bad)
    if not parts and not may_be_empty:
        what = "there is a header but no row" if file_format.header is None else "the file is empty"
        raise DataError(f"{path}, line {line}: {what}", fix="check that the file was copied whole")
    # One column at a time: memory peaks lower.
    columns = {name: _joined(kind, parts.pop(name, [])) for name, kind in parser.columns.items()}
    return Table(path, file_format, columns, digest.hexdigest(), not block.endswith((b"\n", b"\r")))


def _joined(kind: Kind, parts: list[Any]) -> NDArray[Any] | pa.ChunkedArray:
    if kind.is_text:
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string())
    return np.concatenate(parts or [np.empty(0, np.int32 if kind is Kind.ID else np.int64)])


class _Parser:
    """Turns blocks of whole lines into arrays."""

    def __init__(self, file_format: FileFormat, names: tuple[str, ...]) -> None:
        self.delimiter, self.latin1 = file_format.delimiter, file_format.latin1
        self.quoted = file_format.header is None
        self.names = names
        self.columns = {name: kind for name, kind in file_format.columns.items() if name in names}
        self.time_is_known = False

    def parse(self, block: bytes) -> tuple[dict[str, Any], str | None]:
        """Values of each column, and why the block is refused (None = it isn't)."""
        if not block.strip():
            return {}, None
        if not self.time_is_known:
            self._detect_text_times(block)
        # Two unread columns may have the same name, which Arrow refuses.
        names = [name if name in self.columns else f"column {at}" for at, name in enumerate(self.names)]
        types = {name: kind.arrow for name, kind in self.columns.items()}
        delimiter, quote = self.delimiter.replace("::", "\t"), cast("Any", '"' if self.quoted else False)
        null_values = [""] if any(kind.may_be_empty for kind in self.columns.values()) else []
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(self._as_arrow_reads(block)),
                arrow_csv.ReadOptions(column_names=names),
                arrow_csv.ParseOptions(delimiter=delimiter, quote_char=quote, newlines_in_values=False),
                arrow_csv.ConvertOptions(
                    column_types=types, include_columns=list(types), null_values=null_values, strings_can_be_null=False
                ),
            )
            return {name: checked_values(kind, table.column(name)) for name, kind in self.columns.items()}, None
        except (pa.ArrowException, ValueError) as error:
            return {}, str(error).split("\n")[0]

    def bad_rows(self, block: bytes, first_line: int) -> Iterator[BadRow]:
        """The rows of a refused block that break a rule, found by halving what is refused."""
        rows = self._utf8(block).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        spans = [(0, len(rows))]
        while spans:
            start, end = spans.pop()
            part = rows[start:end]
            open_quote = self.quoted and any(row.count(b'"') % 2 for row in part)
            if not open_quote and self.parse(b"\n".join(part))[1] is None:
                continue
            if end - start > 1:
                middle = (start + end) // 2
                spans += [(middle, end), (start, middle)]
                continue
            text = part[0].decode("utf-8", "surrogateescape")
            if found := explain(text, self.columns, self.names, self.delimiter, quoted=self.quoted):
                yield first_line + start, *found, part[0].decode("utf-8", "backslashreplace")

    def _as_arrow_reads(self, block: bytes) -> bytes:
        if b"\0" in block:
            raise ValueError("a NUL byte")
        if self.delimiter == "::":  # Arrow's delimiters have one character
            if b"\t" in block:
                raise ValueError("a tab in the file")
            block = block.replace(b"::", b"\t")
        return self._utf8(block)

    def _utf8(self, block: bytes) -> bytes:
        if self.latin1:
            try:
                block.decode("utf-8")
            except UnicodeDecodeError:
                return block.decode("latin-1").encode("utf-8")
        return block

    def _detect_text_times(self, block: bytes) -> None:
        """The first row with a time decides whether times are seconds or text; a block's first rows are looked at."""
        for row in islice(io.BytesIO(block), FIRST_ROWS):
            for name, cell in zip(self.names, row.decode("latin-1").split(self.delimiter), strict=False):
                if self.columns.get(name) is Kind.SECONDS and (text := cell.strip(' "\r\n')):
                    self.time_is_known = True
                    if re.match(r"\d{4}-\d", text):
                        self.columns[name] = Kind.TIME
            if self.time_is_known:
                return


def _header(path: Path, line: bytes, file_format: FileFormat) -> tuple[str, ...]:
    columns = file_format.columns
    must = f"the first line must name the columns, separated by commas: {','.join(columns)}"
    if not line.strip(b"\r\n \t"):
        raise DataError(f"{path}, line 1: the file is empty", fix=must)
    text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "backslashreplace").rstrip("\r\n")
    try:
        names = tuple(cell.strip() for cell in next(csv.reader([text])))
    except csv.Error:
        names = (text,)
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        what = "this is UTF-16, not UTF-8 text"
        fix = f"convert the file to UTF-8: iconv -f utf-16 -t utf-8 {path.name} > fixed.csv"
    elif b"\0" in line:
        what, fix = "there is a NUL byte in this row", DAMAGED
    elif "\r" in text:
        what, fix = "the lines end in a carriage return alone", f"tr '\\r' '\\n' < {path.name} > fixed.csv"
    elif _lacks(file_format, names):
        missing = [name for name in columns if name not in names]
        if not set(missing) - set(file_format.optional):
            missing = [file_format.optional[0]]
        what, fix = f"{'column' if len(missing) == 1 else 'columns'} {', '.join(missing)} missing", must
        if missing == [*file_format.optional[:1]]:
            unread = ", ".join(name for name in names if name not in columns)
            fix = f"{must}; or remove the columns {unread}, then each row counts as a like"
    elif twice := [name for name in columns if names.count(name) > 1]:
        what, fix = f"two columns are called {twice[0]}", "rename one of the two: it isn't clear which one to read"
    else:
        return names
    raise refuse(path, [(1, what, fix, text)])


def _lacks(file_format: FileFormat, names: tuple[str, ...]) -> bool:
    """Whether a header lacks a column that it must have."""
    missing = [name for name in file_format.columns if name not in names]
    is_doubtful = bool(set(missing) & set(file_format.optional[:1])) and any(
        name not in file_format.columns for name in names
    )
    return is_doubtful or bool(set(missing) - set(file_format.optional))


def require_unique(table: Table, *names: str, what: str, fix: str) -> None:
    """Check that no two rows share the values of one or two id columns.

    `what` describes a row, with the columns' names as placeholders: "user {userId} rates film {movieId}".
    """
    key = table.columns[names[0]].astype(np.int64)
    for name in names[1:]:
        key = key << 32 | table.columns[name]  # ids are int32
    # MovieLens' files are mostly in order already, which shows without the cost of a sort.
    if (key[1:] > key[:-1]).all():
        return
    ordered = np.sort(key)
    if (ordered[1:] > ordered[:-1]).all():
        return
    again = np.flatnonzero(pd.Series(key).duplicated())
    pairs = {int(row): int(np.flatnonzero(key[:row] == key[row])[-1]) for row in again[:EXAMPLES]}
    found = _locate(table, {*pairs, *pairs.values()})
    bad: list[BadRow] = []
    for later, earlier in pairs.items():
        line, text = found[later]
        row = what.format_map({name: table.columns[name][later] for name in names})
        bad.append((line, f"{row} again, after line {found[earlier][0]}", fix, text))
    raise refuse(table.path, bad, total=len(again))


def require_valid(table: Table, name: str, valid: NDArray[np.bool_], *, what: str, fix: str) -> None:
    """Check that the values of a column are valid; `what` describes one, with the placeholder {value}."""
    wrong = np.flatnonzero(~valid)
    if len(wrong):
        column = table.columns[name]
        found = _locate(table, wrong[:EXAMPLES].tolist())
        values = {row: printable(str(column[row]).removesuffix(".0")) for row in found}
        bad = [(line, what.format(value=values[row]), fix, text) for row, (line, text) in found.items()]
        raise refuse(table.path, bad, total=len(wrong))


def require_known(table: Table, name: str, known: NDArray[Any], listed_in: str, *, fix: str) -> None:
    """Check that each id of a column is in another file."""
    what = f"{name} {{value}} isn't listed in {listed_in}"
    require_valid(table, name, np.isin(table.columns[name], known), what=what, fix=fix)


def _locate(table: Table, rows: Collection[int]) -> dict[int, tuple[int, str]]:
    """Line number and text of each given row (from 0), by reading the file once more."""
    encoding = "latin-1" if table.file_format.latin1 else "utf-8"
    with io.TextIOWrapper(cast("io.BufferedReader", open_rows(table.path)), encoding, "backslashreplace") as stream:
        lines = enumerate(stream, 1)
        if table.file_format.header is None:
            next(lines)
        filled = ((line, text.rstrip("\n")) for line, text in lines if text != "\n")
        return {row: found for row, found in zip(range(max(rows) + 1), filled, strict=False) if row in rows}
