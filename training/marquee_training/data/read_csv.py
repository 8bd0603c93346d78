"""Read a delimited text file with Arrow, block by block, into typed columns; `row_errors` explains what it refuses."""

import csv
import hashlib
import io
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from gzip import GzipFile
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from marquee.errors import DataError
from marquee_training.data.row_errors import ENOUGH, EXAMPLES, BadRow, Kind, find_bad_rows, refuse

Columns = dict[str, Kind]
"""The columns that a reader needs, by name."""
_BLOCK = 16 * 2**20  # bytes; a few hundred thousand ratings
_DAMAGED = "the file is cut short or damaged: copy or download it again"


@dataclass(frozen=True)
class Layout:
    """How the lines of a file are cut.

    Attributes:
        delimiter: What separates two cells.
        names: The columns, where the file has no header line. Such files have no quotes either.
        latin1: Whether text that isn't UTF-8 is Latin-1, as in GroupLens' files of 1998 to 2003.
    """

    delimiter: str = ","
    names: tuple[str, ...] | None = None
    latin1: bool = False


CSV = Layout()


@dataclass(frozen=True)
class Table:
    """A file's columns.

    Attributes:
        numbers: int32, int64 or float32 arrays, by name.
        texts: Arrow strings, by name.
        sha256: Hash of the (unpacked) content.
        is_cut: Whether the last line has no end, as in an incomplete copy.
    """

    path: Path
    layout: Layout
    numbers: dict[str, NDArray[Any]]
    texts: dict[str, pa.ChunkedArray]
    sha256: str
    is_cut: bool


def open_rows(path: Path) -> IO[bytes]:
    """Open a file for reading, gzipped or not."""
    return cast("IO[bytes]", GzipFile(path)) if path.suffix == ".gz" else path.open("rb")


def _check_rows(path: Path, layout: Layout, line: int, bad: list[BadRow], *, is_empty: bool) -> None:
    if bad:
        raise refuse(path, bad)
    if is_empty:
        what = f"line {line}: there is a header but no row" if layout.names is None else "line 1: the file is empty"
        raise DataError(f"{path}, {what}", fix="check that the file was copied whole")


def read_table(
    path: Path,
    columns: Columns,
    layout: Layout = CSV,
    *,
    may_be_empty: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    block_bytes: int = _BLOCK,
) -> Table:
    """Read the named columns of a file.

    Args:
        path: The file; `.gz` = gzipped.
        columns: What to read; other columns are ignored.
        layout: How lines are cut.
        may_be_empty: Whether a file without rows is valid.
        advance: Called with the number of (unpacked) bytes after each block.
        block_bytes: How much is parsed at a time, about.

    Raises:
        DataError: The file breaks a rule; the message names the line and the fix.
    """
    digest = hashlib.sha256()
    parts: dict[str, list[Any]] = defaultdict(list)
    bad: list[BadRow] = []
    line, block = 1, b""
    try:
        with open_rows(path) as stream:
            names = layout.names
            if names is None:
                block = stream.readline()
                digest.update(block)
                advance(len(block))
                names, line = _header(path, block, columns), 2
            parser = _Parser(layout, names, columns)
            for block in iter(lambda: stream.read(block_bytes) + stream.readline(), b""):
                digest.update(block)
                values, problem = parser.parse(block)
                if problem:
                    found = list(islice(parser.bad_rows(block, line), ENOUGH - len(bad)))
                    # What the slow pass can't find is still reported, if less exactly.
                    bad += found or [BadRow(line, f"here or below: {problem}", "download or copy the file again", "")]
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
        raise DataError(f"{path}, line {line} or later: can't be read to its end ({error})", fix=_DAMAGED) from error
    _check_rows(path, layout, line, bad, is_empty=not parts and not may_be_empty)
    numbers: dict[str, NDArray[Any]] = {}
    texts: dict[str, pa.ChunkedArray] = {}
    for name, kind in columns.items():
        own = parts.pop(name, [])  # one column at a time: memory peaks lower
        if kind.pattern is None:
            texts[name] = pa.chunked_array([chunk for part in own for chunk in part.chunks], pa.string())
        else:
            numbers[name] = np.concatenate(own) if own else np.empty(0, np.int32 if kind is Kind.ID else np.int64)
    return Table(path, layout, numbers, texts, digest.hexdigest(), not block.endswith((b"\n", b"\r")))


class _Parser:
    """Turns blocks of whole lines into arrays."""

    def __init__(self, layout: Layout, names: Sequence[str], columns: Columns) -> None:
        self.layout, self.width, self.columns = layout, len(names), dict(columns)
        self.position = {name: names.index(name) for name in columns}
        self.time_is_known = False

    def parse(self, block: bytes) -> tuple[dict[str, Any], str | None]:
        """Values of each column, and why the block is refused (None = it isn't)."""
        if not block.strip():
            return {}, None
        if not self.time_is_known:
            self._detect_text_times(block)
        try:
            table = arrow_csv.read_csv(pa.BufferReader(self._as_arrow_reads(block)), *self._options())
            values = {name: _values(kind, table.column(name)) for name, kind in self.columns.items()}
        except (pa.ArrowException, ValueError) as error:
            return {}, str(error).split("\n")[0]
        return values, None

    def bad_rows(self, block: bytes, first_line: int) -> Iterator[BadRow]:
        """The rows of a refused block that break a rule."""
        text = self._utf8(block).decode("utf-8", "surrogateescape")
        columns = [(self.position[name], name, kind) for name, kind in self.columns.items()]
        layout = self.layout
        return find_bad_rows(text, first_line, columns, self.width, layout.delimiter, quoted=layout.names is None)

    def _options(self) -> tuple[arrow_csv.ReadOptions, arrow_csv.ParseOptions, arrow_csv.ConvertOptions]:
        names = [f"column {at}" for at in range(self.width)]  # files may name two unread columns alike
        for name, at in self.position.items():
            names[at] = name
        types = {name: kind.arrow for name, kind in self.columns.items()}
        empty_is_null = Kind.OPTIONAL_ID in self.columns.values()
        delimiter = self.layout.delimiter.replace("::", "\t")
        quote: Any = '"' if self.layout.names is None else False
        return (
            arrow_csv.ReadOptions(column_names=names),
            arrow_csv.ParseOptions(delimiter=delimiter, quote_char=quote, newlines_in_values=False),
            arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[""] if empty_is_null else [],
                strings_can_be_null=False,
            ),
        )

    def _as_arrow_reads(self, block: bytes) -> bytes:
        if b"\0" in block:
            raise ValueError("a NUL byte")
        if self.layout.delimiter == "::":  # Arrow's delimiters have one character
            if b"\t" in block:
                raise ValueError("a tab in the file")
            block = block.replace(b"::", b"\t")
        return self._utf8(block)

    def _utf8(self, block: bytes) -> bytes:
        if self.layout.latin1:
            try:
                block.decode("utf-8")
            except UnicodeDecodeError:
                return block.decode("latin-1").encode("utf-8")
        return block

    def _detect_text_times(self, block: bytes) -> None:
        """The first row decides whether timestamps are seconds or text."""
        self.time_is_known = True
        cells = block.lstrip().split(b"\n", 1)[0].decode("latin-1").split(self.layout.delimiter)
        for name, kind in self.columns.items():
            at = self.position[name]
            if kind is Kind.SECONDS and at < len(cells) and re.match(r"\d{4}-\d", cells[at].strip(' "\r')):
                self.columns[name] = Kind.TIME


def _values(kind: Kind, cells: pa.ChunkedArray) -> NDArray[Any] | pa.ChunkedArray:
    """Checked values of a column: text stays in Arrow, numbers become numpy arrays.

    Raises:
        ValueError: A value breaks the rules of its kind.
    """
    if kind.pattern is None:
        # A quote that was never closed swallows the lines after it, so a cell over two lines is an error.
        is_valid = not any(pc.any(pc.match_substring(cells, end)).as_py() for end in "\n\r")
        if kind is Kind.TITLE:
            is_valid &= not pc.any(pc.equal(pc.utf8_trim_whitespace(cells), "")).as_py()
        if not is_valid:
            raise ValueError(f"a cell isn't {kind.expected}")
        return cells
    values: NDArray[Any] = (cells.cast(pa.int64()) if kind is Kind.TIME else cells).to_numpy()
    valid = (values >= kind.low) & (values <= kind.high)  # false for NaN, which also stands for an empty cell
    if kind is Kind.OPTIONAL_ID:
        empty = cells.is_null().to_numpy()
        valid = empty | (valid & (values == np.floor(values)))
        values = np.where(empty, 0, values)
    if not valid.all():
        raise ValueError(f"a value isn't {kind.expected}")
    return values.astype(np.int64) if kind is Kind.OPTIONAL_ID else values


def _header(path: Path, line: bytes, columns: Columns) -> tuple[str, ...]:
    must = f"the first line must name the columns, separated by commas: {','.join(columns)}"
    if not line.strip(b"\r\n \t"):
        raise DataError(f"{path}, line 1: the file is empty", fix=must)
    text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "backslashreplace").rstrip("\r\n")
    try:
        names = tuple(cell.strip() for cell in next(csv.reader([text])))
    except csv.Error:
        names = (text,)
    missing = [name for name in columns if name not in names]
    what, fix = None, must
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        what = "this is UTF-16, not UTF-8 text"
        fix = f"convert the file to UTF-8: iconv -f utf-16 -t utf-8 {path.name} > fixed.csv"
    elif b"\0" in line:
        what, fix = "there is a NUL byte in this row", _DAMAGED
    elif "\r" in text:
        what, fix = "the lines end in a carriage return alone", f"tr '\\r' '\\n' < {path.name} > fixed.csv"
    elif missing:
        what = f"{'column' if len(missing) == 1 else 'columns'} {', '.join(missing)} missing"
    elif twice := [name for name in columns if names.count(name) > 1]:
        what, fix = f"two columns are called {twice[0]}", "rename one of the two: it isn't clear which one to read"
    if what:
        raise refuse(path, [BadRow(1, what, fix, text)])
    return names


def require_unique(table: Table, *names: str, what: str, fix: str) -> None:
    """Check that no two rows share the values of one or two id columns.

    Args:
        table: The file.
        names: The columns.
        what: A row in words, with the columns' names as placeholders: "user {userId} rates film {movieId}".
        fix: What the error tells to do.

    Raises:
        DataError: Names both lines of the first pair.
    """
    first, *others = (table.numbers[name] for name in names)
    key = first.astype(np.int64)
    for other in others:
        key <<= 32  # ids are int32
        key |= other
    # MovieLens' files are mostly in order already, which shows without the cost of a sort.
    if bool((key[1:] > key[:-1]).all()):
        return
    ordered = np.sort(key)
    if bool((ordered[1:] > ordered[:-1]).all()):
        return
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(np.diff(key[order]) == 0)
    pairs = sorted((int(order[at + 1]), int(order[at])) for at in again)[:EXAMPLES]
    found = _locate(table, [row for pair in pairs for row in pair])
    bad = []
    for later, earlier in pairs:
        values = {name: int(table.numbers[name][later]) for name in names}
        line, text = found[later]
        bad.append(BadRow(line, f"{what.format_map(values)} again, after line {found[earlier][0]}", fix, text))
    raise refuse(table.path, bad, total=len(again))


def require_known(table: Table, name: str, known: NDArray[Any], listed_in: str, *, fix: str) -> None:
    """Check that each id of a column is in another file.

    Raises:
        DataError: Names the first lines that hold an unknown id.
    """
    ids = table.numbers[name]
    unknown = np.flatnonzero(~np.isin(ids, known))
    if len(unknown):
        found = _locate(table, unknown[:EXAMPLES].tolist())
        bad = [
            BadRow(line, f"{name} {ids[row]} isn't listed in {listed_in}", fix, text)
            for row, (line, text) in found.items()
        ]
        raise refuse(table.path, bad, total=len(unknown))


def _locate(table: Table, rows: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Line number and text of each given row (from 0), by reading the file once more."""
    wanted, found, row = set(rows), {}, 0
    has_header = table.layout.names is None
    encoding = "latin-1" if table.layout.latin1 else "utf-8"
    with io.TextIOWrapper(cast("io.BufferedReader", open_rows(table.path)), encoding, "backslashreplace") as lines:
        for line, text in enumerate(lines, 1):
            if text == "\n" or (line == 1 and has_header):
                continue
            if row in wanted:
                found[row] = line, text.rstrip("\n")
                if len(found) == len(wanted):
                    break
            row += 1
    return found
