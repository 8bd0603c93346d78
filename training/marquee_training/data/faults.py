"""How a broken file is reported: one error with the line, its text, how many more, and the fix."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from marquee.errors import DataError

_EXAMPLES = 3
_SHOWN = 120  # characters of an offending line
_ENOUGH = 10_000  # faulty rows of a file; finding each one of millions would take minutes and help nobody


class Fault(Enum):
    """What can be wrong with a row; the value is the fix."""

    ENCODING = "the files are UTF-8; convert this one: iconv -f latin1 -t utf-8 {name} > fixed && mv fixed {name}"
    NUL = "the file is damaged (a broken copy or a full disk): copy or download it again"
    UTF16 = "the files are UTF-8; convert this one: iconv -f utf-16 -t utf-8 {name} > fixed && mv fixed {name}"
    OLD_MAC = "write line ends as today: tr '\\r' '\\n' < {name} > fixed && mv fixed {name}"
    RAGGED = "give each row as many cells as the file has columns; {quoting}"
    TAB = "write a space instead of the tab"
    UNCLOSED = 'close the double quote in this row, and write a quote inside a cell as ""'
    EMPTY = "fill the cell, or remove the row"
    NOT_A_NUMBER = "write a plain number there, or remove the row"
    BAD_ID = "ids are whole numbers from 1 to 2147483647: renumber them"
    BAD_TMDB_ID = "write the film's TMDB id, or leave the cell empty"
    BAD_RATING = "ratings run from 0.5 to 5: rescale them, or remove the row"
    BAD_SHARE = "relevance runs from 0 to 1: rescale it, or remove the row"
    BAD_TIME = 'write whole seconds since 1970 or "2005-04-02 23:53:47" (one of the two throughout the file)'
    DUPLICATE_RATING = "keep one of the rows, such as the later one: a person rates a film once"
    DUPLICATE_FILM = "keep one row per film"
    DUPLICATE_PAIR = "keep one row per film and tag"
    UNKNOWN_FILM = "add the film to {films}, or remove its ratings"
    UNKNOWN_TAG = "add the tag to {films}, or remove its rows"
    UNREADABLE = "download or copy the file again"


@dataclass(frozen=True)
class Row:
    """A row that is wrong.

    Attributes:
        line: 1-based; the header is line 1.
        fault: The sort of fault; rows of one sort are counted together.
        what: What is wrong with it, in words.
        text: The line as it stands in the file.
    """

    line: int
    fault: Fault
    what: str
    text: str


@dataclass
class FaultLog:
    """Gathers the faulty rows of one file; keeps a few per sort, counts all, up to a limit.

    Attributes:
        path: The file.
        hints: Values for the placeholders in the fixes.
    """

    path: Path
    hints: dict[str, str] = field(default_factory=dict)
    _rows: dict[Fault, list[Row]] = field(default_factory=dict)
    _counts: Counter[Fault] = field(default_factory=Counter)

    def __len__(self) -> int:
        return self._counts.total()

    @property
    def is_full(self) -> bool:
        """Whether there are so many faulty rows that the rest of the file needn't be searched."""
        return len(self) >= _ENOUGH

    def extend(self, rows: Iterable[Row]) -> None:
        """Adds faulty rows, in the order of the file, until it is full."""
        for row in rows:
            if self.is_full:
                return
            self._counts[row.fault] += 1
            kept = self._rows.setdefault(row.fault, [])
            if len(kept) < _EXAMPLES:
                kept.append(row)

    def error(self, total: int | None = None) -> DataError:
        """The error to raise: about the sort of fault that comes first in the file.

        Args:
            total: How many rows of that sort there are, where not all were added.
        """
        fault = next(iter(self._rows))
        first, *others = self._rows[fault]
        total = total or self._counts[fault]
        lines = [f"{self.path}, line {first.line}: {first.what}"]
        lines += [_quote(first)] if first.text else []
        if total > 1:
            rest = total - 1
            count = f"at least {rest:,}" if self.is_full else f"{rest:,}"
            lines.append(f"  and {count} more such {'rows' if rest > 1 else 'row'}, among them:")
            lines += [_quote(row) for row in others]
        if other := len(self) - self._counts[fault]:
            lines.append(f"  {other:,} other {'rows have' if other > 1 else 'row has'} faults of another sort")
        fix = fault.value.format_map({"name": self.path.name} | self.hints)
        return DataError("\n".join(lines), fix=fix)


def printable(text: str) -> str:
    """The text on one line, cut to a sensible length, with what can't be printed written as an escape."""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in shown)


def _quote(row: Row) -> str:
    return f"    line {row.line}: {printable(row.text)}"
