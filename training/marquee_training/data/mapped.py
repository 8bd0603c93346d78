"""Read a team's own interactions and items, as a mapping names them, into a `Dataset`.

What the rows say of a user and an item becomes one rating from 0.5 to 5, so that all that follows is as for MovieLens.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marquee.errors import DataError
from marquee.models.columns import Numbers
from marquee_training.data.cells import Ids, cells_of, describe_columns, encoded, numbers_of, require, seconds_of
from marquee_training.data.dataset import Dataset
from marquee_training.data.items import make_items, read_items
from marquee_training.data.mapping import NAME, InteractionsMapping, parse_mapping
from marquee_training.data.movielens import no_tags, ratings_frame
from marquee_training.data.pairs import stars_of, sum_pairs
from marquee_training.data.row_errors import printable
from marquee_training.data.tables import Batch, DataFile, find_files, open_place, read_batches
from marquee_training.progress import ByteProgress

MOST_UNKNOWN = 0.5
"""Share of rows with unknown items; more mean that the ids of the two tables don't fit."""
_ROLES = ("user", "item", "value", "weight", "event", "time")


def is_mapped(place: str) -> bool:
    """Whether a path or address is that of a mapping file, or of a folder with one."""
    return place.endswith(".toml") or "://" in place or (Path(place) / NAME).is_file()


def load_mapped(place: str, *, progress: bool = True) -> Dataset:
    """Read and check what a mapping file, or the `marquee.toml` of a folder, names; on a disk or in a bucket.

    Raises:
        DataError: The mapping or the data break a rule; the message names the file, the line or row, and the fix.
    """
    address = place if place.endswith(".toml") else f"{place.rstrip('/')}/{NAME}"
    base = address.rpartition("/")[0]
    try:
        with open_place(address) as file:
            mapping = parse_mapping(file.read(), address)
    except FileNotFoundError:
        raise DataError(f"{address} doesn't exist", fix=f"give a mapping file, or a folder that holds {NAME}") from None
    files = find_files(base, mapping.interactions.files)
    of_items = find_files(base, mapping.items.files) if mapping.items else []
    notes: list[str] = []
    read: list[dict[str, str]] = []
    with ByteProgress("reading", sum(file.size for file in files + of_items), show=progress) as shown:
        rows = _Rows(mapping.interactions, files, shown, notes, read)
        if mapping.items:
            ids, batch = read_items(mapping.items, of_items, shown, read)
            items = make_items(mapping.items, ids, batch, notes)
            for fact in read:  # CSV has no types, and filters tell numbers from words
                if fact["table"] == "items" and isinstance(items.columns.get(fact["column"]), Numbers):
                    fact["type"] = "number" if fact["type"] == "text" else fact["type"]
        else:
            notes.append("items: no files, so titles are the ids")
            ids = Ids({one: row for row, one in enumerate(sorted(rows.items.index))}, rows.items.types)
            items = make_items(None, ids, None, notes)
    users, codes, values, sums, times = sum_pairs(rows.with_codes_in(items.ids, notes), notes)
    stars = stars_of(mapping.interactions, values, sums, notes)
    movie_ids = items.movies["movie_id"].to_numpy()[items.row_of[codes]]
    ratings = ratings_frame(rows.users.int32()[users], movie_ids, stars, times)
    digest = hashlib.sha256(repr((mapping.noun, items.own, items.texts, items.movies.to_dict("list"))).encode())
    arrays = [ratings[name].to_numpy() for name in ratings]
    for part in [*arrays, *(part for column in items.columns.values() for part in vars(column).values())]:
        digest.update(np.ascontiguousarray(part).data if isinstance(part, np.ndarray) else repr(part).encode())
    return Dataset(
        name=mapping.name or (base.rpartition("/")[2] if "://" in base else Path(base or ".").resolve().name),
        source=place,
        ratings=ratings,
        movies=items.movies,
        tags=no_tags(),
        genome=None,
        sha256=digest.hexdigest(),
        notes=tuple(notes),
        item_ids=items.own,
        noun=mapping.noun,
        columns=items.columns,
        texts=items.texts,
        read=tuple(read),
    )


class _Rows:
    """All interactions whose user, item and kind of event are known, column by column."""

    def __init__(
        self,
        mapping: InteractionsMapping,
        files: Sequence[DataFile],
        progress: ByteProgress,
        notes: list[str],
        read: list[dict[str, str]],
    ) -> None:
        self.mapping, self.users, self.items = mapping, Ids(), Ids()
        self._events: Counter[str] = Counter()
        roles = {role: name for role in _ROLES if (name := getattr(mapping, role))}
        parts: list[list[Any]] = [[], [], [], [], []]
        left_out: Counter[str] = Counter()
        for file in files:
            for batch in read_batches(file, roles.values()):
                describe_columns("interactions", batch, roles, read)
                for column, part in zip(parts, self._part(batch, left_out), strict=True):
                    column.append(part)
            progress.advance(file.size)
        notes += [f"interactions: {n:,} rows left out: {reason}" for reason, n in (+left_out).items()]
        if not sum(map(len, parts[0])):
            raise DataError(
                f"{files[0].name}: no interaction is left" + "".join(f"; {note}" for note in notes),
                fix="check that the files hold rows, and events and columns of the mapping",
            )
        if mapping.event:
            unused = [kind for kind in mapping.events if not self._events[kind]]
            notes += [f"interactions: no row has the event {kind!r}" for kind in unused]
        # One at a time, from the back: memory peaks lower.
        joined = [None if (column := parts.pop())[0] is None else np.concatenate(column) for _ in range(5)]
        self.columns: list[Any] = joined[::-1]
        if joined[0] is not None and (late := int((joined[0] > time.time() + 86_400).sum())):
            notes.append(f"interactions: {late:,} rows have a time in the future")

    def _part(self, batch: Batch, left_out: Counter[str]) -> tuple[Any, ...]:
        mapping = self.mapping
        users, items = self.users.add(batch, mapping.user), self.items.add(batch, mapping.item)
        weights = values = times = None
        known = (users >= 0) & (items >= 0)
        left_out[f"{mapping.user} or {mapping.item} is empty"] += int((~known).sum())
        if mapping.weight:
            weights = np.nan_to_num(numbers_of(batch, mapping.weight), nan=1.0).astype(np.float32)
        if mapping.event:
            kinds, places = encoded(cells_of(batch, mapping.event))
            kinds, places = ["", *kinds], places + 1
            counts = dict(zip(kinds, np.bincount(places, minlength=len(kinds)).tolist(), strict=True))
            weight_of = {"": 1.0 if mapping.value else np.nan} | mapping.events  # a row with a value needs no event
            of_event = np.array([weight_of.get(kind, np.nan) for kind in kinds], dtype=np.float32)[places]
            self._events.update(counts)
            for kind, n in counts.items():
                if kind not in mapping.events and (kind or not mapping.value):
                    left_out[f"the event {printable(kind)!r} isn't in events"] += n
            known &= ~np.isnan(of_event)
            weights = of_event if weights is None else weights * of_event
        if mapping.value:
            values = numbers_of(batch, mapping.value).astype(np.float32)
            if mapping.scale:
                low, high = mapping.scale
                what = f"{mapping.value} is '{{value}}', and scale = [{low:g}, {high:g}]"
                inside = np.isnan(values) | ((values >= low) & (values <= high))
                require(batch, cells_of(batch, mapping.value), inside, what, "correct scale in the mapping, or the row")
        if mapping.time:
            times = seconds_of(batch, mapping.time)
        return tuple(None if part is None else part[known] for part in (users, items, values, weights, times))

    def with_codes_in(self, ids: Ids, notes: list[str]) -> list[Any]:
        """Users, items by their numbers in `ids`, values, weights and times; None where there are none.

        Rows with other items are left out with a note, or refused if they are most.
        """
        of_code = np.array([ids.index.get(given, -1) for given in self.items.index], dtype=np.int32)
        codes = of_code[self.columns[1]]
        columns = [self.columns[0], codes, *self.columns[2:]]
        if unknown := int((codes < 0).sum()):
            lost = [given for given, row in zip(self.items.index, of_code, strict=True) if row < 0]
            what = f"{unknown:,} of {len(codes):,} interactions are with {len(lost):,} items that no file lists"
            if unknown > MOST_UNKNOWN * len(codes):
                fix = f"map the same ids in both tables: items have such as {next(iter(ids.index))!r}"
                raise DataError(f"{what}, such as {lost[0]!r}", fix=fix)
            notes.append(f"{what}, such as {lost[0]!r}: left out")
            columns = [None if column is None else column[codes >= 0] for column in columns]
        return columns
