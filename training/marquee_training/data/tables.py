"""Tables in files of several formats, on a disk or in a bucket, batch by batch: Parquet, CSV and JSON lines.

A bucket is reached as the stores of bundles are, by obstore, with the same variables. Arrow reads each file through one
stream, so that a gzipped file or one in a bucket is read as any other, and errors name the line.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote

import obstore
import pyarrow as pa
from obstore.exceptions import BaseError
from pyarrow import csv as arrow_csv
from pyarrow import json as arrow_json
from pyarrow import parquet

from marquee.bundle.bucket_store import connect
from marquee.bundle.lease import first_line
from marquee.errors import ConfigError, DataError
from marquee_training.data.mapping import did_you_mean
from marquee_training.data.row_errors import DAMAGED, printable

_BLOCK = 16 * 2**20  # bytes of text at once
_ROWS = 2**20  # of Parquet at once
_FORMATS = {
    "parquet": "parquet",
    "pq": "parquet",
    "csv": "csv",
    "tsv": "csv",
    "jsonl": "json",
    "ndjson": "json",
    "json": "json",
}
_ENDS = ", ".join(f".{name}" for name in _FORMATS)
_NULLS = ["", "NULL", "null", "\\N"]
_CREDENTIALS = "check the address and the credentials (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION)"


@dataclass(frozen=True)
class DataFile:
    """A file, on a disk or in a bucket: its path or address, its size in bytes, and what opens it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]

    @property
    def kind(self) -> str:
        """`parquet`, `csv` or `json`, by the name's end; empty if it is none of them."""
        return _FORMATS.get(self.name.removesuffix(".gz").rpartition(".")[2].lower(), "")

    @property
    def folder_columns(self) -> dict[str, str | None]:
        """Columns in the names of folders, as Hive and Spark write them: country=DE/part-0.parquet."""
        pairs = (folder.partition("=") for folder in self.name.split("/")[:-1])
        values = {name: unquote(value) for name, mark, value in pairs if name and mark}
        return {name: None if value == "__HIVE_DEFAULT_PARTITION__" else value for name, value in values.items()}


@dataclass(frozen=True)
class Batch:
    """Some rows of a file, of which only the wanted columns are read.

    Attributes:
        names: All columns of the file.
        first: Number of the first row, from 1; the header isn't one.
        block: The rows' text, where a line is a row; then `first` is the number of the first line.
    """

    file: DataFile
    names: tuple[str, ...]
    table: pa.Table
    first: int
    block: bytes | None = None

    def place(self, row: int) -> str:
        """Where a row, counted from 0 in this batch, is in the file."""
        if self.block is None:
            return f"row {self.first + row}"
        filled = [number for number, line in enumerate(self.block.splitlines(), self.first) if line.strip()]
        return f"line {filled[row]}"

    def refuse(self, row: int, what: str, fix: str) -> DataError:
        """The error for a row, counted from 0 in this batch."""
        return DataError(f"{self.file.name}, {self.place(row)}: {what}", fix=fix)


def open_place(place: str) -> IO[bytes]:
    """Open a file by its path or address; FileNotFoundError if there is none.

    Raises:
        DataError: It can't be read.
    """
    if "://" not in place:
        try:
            return Path(place).open("rb")
        except PermissionError as error:
            fix = f"make it readable: chmod +r {place}"
            raise DataError(f"{place} can't be opened: {error.strerror}", fix=fix) from None
    bucket, key = _split(place)
    return cast("IO[bytes]", _reach(place, lambda: _opened(bucket, key)))


def find_files(base: str, patterns: str | Sequence[str]) -> list[DataFile]:
    """The files of paths, folders, patterns with * or addresses, relative to a base; each pattern's in order of name.

    Raises:
        DataError: A pattern matches no file, or a file of another kind.
    """
    found = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        place = pattern if "://" in pattern or pattern.startswith("/") else f"{base}/{pattern}" if base else pattern
        is_exact = not re.search(r"[*?\[]", pattern)
        files = _in_bucket(place) if "://" in place else _on_disk(place)
        named = [file for file in files if file.kind or (is_exact and file.name == place)]
        if not named:
            seen = f"only {files[0].name.rpartition('/')[2]} and the like" if files else "nothing"
            fix = f"correct files in the mapping; paths are relative to it, and the files' names end in {_ENDS} (.gz)"
            raise DataError(f"no file of data matches {place}: {seen} is there", fix=fix)
        if not named[0].kind:
            raise DataError(f"{place}: its kind is unknown", fix=f"give it a name that ends in {_ENDS}, or .gz behind")
        found += named
    return found


def read_batches(file: DataFile, wanted: Collection[str], *, whole: bool = False) -> Iterator[Batch]:
    """The wanted columns of a file, in batches; with `whole` in a single one, whose cells of CSV may have line ends.

    Cells of CSV are text. An empty cell is null.

    Raises:
        DataError: The file is damaged, empty, or lacks a wanted column.
    """
    try:
        with file.open() as stream:
            if file.kind == "parquet":
                batches = _parquet(file, stream, wanted, whole=whole)
            else:
                plain = cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if file.name.endswith(".gz") else stream
                batches = (_csv if file.kind == "csv" else _json)(file, plain, wanted, whole=whole)
            yield from (_with_folder_columns(batch, wanted) for batch in batches)
    except PermissionError as error:
        fix = f"make it readable: chmod +r {file.name}"
        raise DataError(f"{file.name} can't be opened: {error.strerror}", fix=fix) from None
    except (pa.ArrowException, BaseError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file.name} can't be read: {first_line(error)}", fix=DAMAGED) from None


def _with_folder_columns(batch: Batch, wanted: Collection[str]) -> Batch:
    """The batch with columns that only the names of its folders have; of one in both the file's cells count."""
    columns = {name: value for name, value in batch.file.folder_columns.items() if name not in batch.names}
    table = batch.table
    for name in columns.keys() & set(wanted):
        table = table.append_column(name, pa.array([columns[name]] * len(table), pa.string()))
    return replace(batch, names=(*batch.names, *columns), table=table)


def _parquet(file: DataFile, stream: IO[bytes], wanted: Collection[str], *, whole: bool) -> Iterator[Batch]:
    if file.name.endswith(".gz"):
        stream = io.BytesIO(gzip.decompress(stream.read()))
    content = parquet.ParquetFile(stream)
    names = tuple(content.schema_arrow.names)
    columns = _present(file, names, wanted)
    if whole:
        yield Batch(file, names, content.read(columns=columns), 1)
        return
    first = 1
    for part in content.iter_batches(_ROWS, columns=columns):
        yield Batch(file, names, pa.Table.from_batches([part]), first)
        first += len(part)


def _csv(file: DataFile, stream: IO[bytes], wanted: Collection[str], *, whole: bool) -> Iterator[Batch]:
    header = _utf8(file, stream.readline(), 1).decode().rstrip("\r\n")
    mark = max(",;\t|", key=header.count)
    names = tuple(name.strip() for name in next(csv.reader([header], delimiter=mark)))
    if twice := [name for name in wanted if names.count(name) > 1]:
        raise DataError(f"{file.name}, line 1: two columns are called {twice[0]}", fix="rename one of the two")
    columns = _present(file, names, wanted)
    unique = [name if name in columns else f"column {at}" for at, name in enumerate(names)]
    parsing = arrow_csv.ParseOptions(delimiter=mark, newlines_in_values=whole)
    converting = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()),
        include_columns=columns,
        null_values=_NULLS,
        strings_can_be_null=True,
    )
    for line, block in _blocks(stream, 2, whole=whole):
        # With one thread, messages have the row's number.
        reading = arrow_csv.ReadOptions(column_names=unique, use_threads=False, block_size=max(len(block), 1 << 20))
        try:
            table = arrow_csv.read_csv(pa.BufferReader(block), reading, parsing, converting)
        except pa.ArrowInvalid as error:
            _utf8(file, block, line)
            what, fix = f"line {line} or later: {first_line(error)}", DAMAGED
            if row := re.search(r"Row #(\d+): (.*)", str(error)):
                what = f"line {line + int(row[1]) - 1}: {printable(row[2])}"
                fix = f"give each row {len(names)} cells, as the header has, and quote those that hold {mark!r}"
            raise DataError(f"{file.name}, {what}", fix=fix) from None
        yield Batch(file, names, table, 1 if whole else line, None if whole else block)


def _json(file: DataFile, stream: IO[bytes], wanted: Collection[str], *, whole: bool) -> Iterator[Batch]:
    for line, block in _blocks(stream, 1, whole=whole):
        try:
            block.decode()  # Arrow doesn't check it
        except UnicodeDecodeError:
            _utf8(file, block, line)
        if block.lstrip().startswith(b"["):
            raise DataError(
                f"{file.name}: a JSON list, not an object per line", fix="jq -c '.[]' list.json > items.jsonl"
            )
        content = block.removeprefix(b"\xef\xbb\xbf")
        reading = arrow_json.ReadOptions(block_size=len(content) + 1)
        try:
            table = arrow_json.read_json(pa.BufferReader(content), reading)
            # Arrow takes text for times where it can; dates in titles and ids have to stay as they are.
            times = [one.name for one in table.schema if pa.types.is_timestamp(one.type)]
            if times:
                schema = pa.schema([(name, pa.string()) for name in times])
                parsing = arrow_json.ParseOptions(explicit_schema=schema)
                table = arrow_json.read_json(pa.BufferReader(content), reading, parsing)
        except pa.ArrowInvalid as error:
            raise _bad_json(file, content, line, wanted, error) from None
        names = tuple(table.column_names)
        # A key that no line of a block has is a column of nulls, if other blocks have it.
        columns = _present(file, names, wanted) if line == 1 else [name for name in wanted if name in names]
        yield Batch(file, names, table.select(columns), line, content)


def _bad_json(file: DataFile, block: bytes, first: int, wanted: Collection[str], error: Exception) -> DataError:
    seen: dict[str, Any] = {}
    for number, line in enumerate(block.splitlines(), first):
        if not line.strip():
            continue
        where, text = f"{file.name}, line {number}", printable(line.decode("utf-8", "backslashreplace"))
        try:
            row = json.loads(line)
        except ValueError as problem:
            fix = "write one JSON object on each line"
            return DataError(f"{where}: not JSON: {first_line(problem)}\n    {text}", fix=fix)
        if not isinstance(row, dict):
            return DataError(f"{where}: not an object, but {text}", fix='write {"name": value, ...} on each line')
        for name in wanted:
            value, before = row.get(name), seen.get(name)
            if value is not None and before is not None and _json_type(value) != _json_type(before):
                what = f"{name} is {json.dumps(value)}, but {json.dumps(before)} in a line before"
                return DataError(f"{where}: {what}", fix="write all of them as numbers, or all as text in quotes")
            seen[name] = before if value is None else value
    return DataError(
        f"{file.name}, line {first} or later: {first_line(error)}", fix="write one JSON object on each line"
    )


def _json_type(value: Any) -> type:
    return float if type(value) is int else type(value)


def _blocks(stream: IO[bytes], line: int, *, whole: bool) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole lines that aren't empty, each with the number of its first line."""
    while block := stream.read() if whole else stream.read(_BLOCK) + stream.readline():
        if block.strip():
            yield line, block
        line += block.count(b"\n")


def _utf8(file: DataFile, text: bytes, first: int) -> bytes:
    """The text without its mark of encoding; a DataError if it is empty, or not UTF-8."""
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        fix = f"convert it: iconv -f utf-16 -t utf-8 {Path(file.name).name} > fixed{Path(file.name).suffix}"
        raise DataError(f"{file.name}: this is UTF-16, not UTF-8 text", fix=fix)
    if not text.strip():
        raise DataError(
            f"{file.name} is empty", fix="check that it was copied whole, and begins with its columns' names"
        )
    for number, line in enumerate(text.splitlines(), first):
        try:
            line.decode()
        except UnicodeDecodeError:
            shown = printable(line.decode("utf-8", "backslashreplace"))
            fix = f"convert it: iconv -f latin1 -t utf-8 {Path(file.name).name} > fixed.csv"
            raise DataError(f"{file.name}, line {number}: this isn't UTF-8 text\n    {shown}", fix=fix) from None
    return text.removeprefix(b"\xef\xbb\xbf")


def _present(file: DataFile, names: Sequence[str], wanted: Collection[str]) -> list[str]:
    known = {*names, *file.folder_columns}
    for name in wanted:
        if name not in known:
            fix = f"correct the mapping: {did_you_mean(name, [*names, *file.folder_columns])}"
            raise DataError(f"{file.name} has no column {name!r}", fix=fix)
    return [name for name in dict.fromkeys(wanted) if name in names]


def _on_disk(pattern: str) -> list[DataFile]:
    path = Path(pattern)
    if path.exists():
        paths = sorted(path.rglob("*")) if path.is_dir() else [path]
    else:
        paths = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        paths = [below for one in paths for below in (sorted(one.rglob("*")) if one.is_dir() else [one])]
    files = [one for one in paths if one.is_file() and not one.name.startswith((".", "_"))]
    return [DataFile(str(one), one.stat().st_size, lambda one=one: one.open("rb")) for one in files]  # type: ignore[misc]


def _in_bucket(pattern: str) -> list[DataFile]:
    bucket, key = _split(pattern)
    fixed = re.split(r"[*?\[]", key)[0]
    is_exact = fixed == key
    folder = (key if is_exact else fixed.rpartition("/")[0]).rstrip("/")

    def entries() -> Any:
        if is_exact:
            try:
                return [obstore.head(bucket, key)]
            except FileNotFoundError:
                pass
        return obstore.list(bucket, folder or None).collect()

    address = pattern[: len(pattern) - len(key)]
    return [
        DataFile(address + entry["path"], entry["size"], lambda path=entry["path"]: _opened(bucket, path))  # type: ignore[misc]
        for entry in sorted(_reach(pattern, entries), key=lambda entry: str(entry["path"]))
        if is_exact or fnmatchcase(entry["path"], key) or fnmatchcase(entry["path"], f"{key}/*")
    ]


def _split(address: str) -> tuple[Any, str]:
    """A client of an address's bucket, and the key in it."""
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    try:
        return connect(f"{scheme}://{bucket}", seconds=60.0, retries=2), key
    except ConfigError as error:
        raise DataError(error.message, fix="write s3://bucket/path, gs://bucket/path or az://container/path") from None


def _reach(place: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise DataError(f"{place} can't be read: {first_line(error)}", fix=_CREDENTIALS) from None


class _Object(io.RawIOBase):
    """An object of a bucket as a stream of Python's own kind."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = bytes(self._reader.read(len(buffer)))
        buffer[: len(found)] = found
        return len(found)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._reader.seek(offset, whence)
        return self.tell()

    def tell(self) -> int:
        return int(self._reader.tell())


def _opened(bucket: Any, key: str) -> IO[bytes]:
    return io.BufferedReader(_Object(obstore.open_reader(bucket, key)), 2**20)
