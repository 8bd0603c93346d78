"""Rules that need more than one row, or more than one file."""

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from marquee_training.data.faults import Fault, FaultLog
from marquee_training.data.read_csv import Table, lines_of, locate

_EXAMPLES = 3


def require_unique(table: Table, *names: str, fault: Fault, what: str) -> None:
    """Requires that no two rows share the values of the columns.

    Args:
        table: The file.
        names: One or two columns of ids.
        fault: The fault to report.
        what: Words for one row, the columns' names as placeholders: "user {userId} rates film {movieId}".

    Raises:
        DataError: Names both lines of the first pair.
    """
    key = _key(table, names)
    # MovieLens files mostly stand in order already, which shows without the cost of a sort.
    if bool((key[1:] > key[:-1]).all()):
        return
    ordered = np.sort(key)
    total = int((ordered[1:] == ordered[:-1]).sum())
    del ordered
    if not total:
        return
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    pairs = sorted((int(order[at + 1]), int(order[at])) for at in again)[:_EXAMPLES]
    line = lines_of(table, [earlier for _, earlier in pairs])

    def tell(at: int) -> tuple[Fault, str]:
        later, earlier = pairs[at]
        values = {name: int(table.numbers[name][later]) for name in names}
        return fault, f"{what.format_map(values)} again, after line {line[earlier]}"

    log = FaultLog(table.path)
    log.extend(locate(table, [later for later, _ in pairs], tell))
    raise log.error(total)


def require_known(table: Table, name: str, known: NDArray[np.generic], listed_in: str, *, fault: Fault) -> None:
    """Requires that each id of a column is listed in another file.

    Raises:
        DataError: Names the first lines that hold an unknown id.
    """
    ids = table.numbers[name]
    unknown = np.flatnonzero(~np.isin(ids, known))
    if not len(unknown):
        return
    rows = [int(row) for row in unknown[:_EXAMPLES]]

    def tell(at: int) -> tuple[Fault, str]:
        return fault, f"{name} {ids[rows[at]]} isn't listed in {listed_in}"

    log = FaultLog(table.path, {"films": listed_in})
    log.extend(locate(table, rows, tell))
    raise log.error(len(unknown))


def _key(table: Table, names: tuple[str, ...]) -> NDArray[np.int64]:
    first, *others = (table.numbers[name] for name in names)
    key = first.astype(np.int64)
    for other in others:  # ids are int32: two of them fit an int64
        key <<= 32
        key |= other.astype(np.int64)
    return key


def count_blank(table: Table, name: str) -> int:
    """How many cells of a text column are blank."""
    blank = pc.equal(pc.utf8_trim_whitespace(table.texts[name]), "")
    return int(pc.sum(blank).as_py() or 0)
