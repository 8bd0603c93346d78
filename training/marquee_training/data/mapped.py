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
import pandas as pd
from numpy.typing import NDArray

from marquee.errors import DataError
from marquee.models.catalog import ItemId
from marquee.models.columns import Column, Labels, Numbers
from marquee_training.data.cells import (
    Ids,
    cells_of,
    column_of,
    encoded,
    is_list,
    numbers_of,
    require,
    seconds_of,
    type_name,
    words_of,
    years_of,
)
from marquee_training.data.dataset import Dataset
from marquee_training.data.mapping import NAME, InteractionsMapping, ItemsMapping, parse_mapping
from marquee_training.data.movielens import no_tags, ratings_frame, split_genres
from marquee_training.data.row_errors import MAX_ID, printable
from marquee_training.data.tables import Batch, DataFile, find_files, open_place, read_batches
from marquee_training.data.titles import split_title
from marquee_training.progress import ByteProgress

LIKED, SEEN, DISLIKED = 5.0, 2.5, 0.5
"""Stars of pairs without a value, whose weights reach `like`, stay below it, or sum to nothing or less."""
POSITIVE = 4.0
"""Stars of the value `like`: what training takes as a like by default."""
MOST_GENRES = 200
"""More are counted as a mistake for a column: genres are a dense matrix, and each is calibrated for."""
MOST_UNKNOWN = 0.5
"""Share of rows with unknown items; more mean that the ids of the two tables don't fit."""
_STARS = (0.5, 5.0)


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
    with ByteProgress("reading", sum(file.size for file in files + of_items), show=progress) as shown:
        items = _Items(mapping.items, of_items, shown) if mapping.items else None
        rows = _Rows(mapping.interactions, files, shown)
    name = mapping.name or (base.rpartition("/")[2] if "://" in base else Path(base or ".").resolve().name)
    return _dataset(items or _Items.of_ids(rows.items), rows, mapping.noun, name, place)


def _dataset(items: "_Items", rows: "_Rows", noun: tuple[str, str], name: str, source: str) -> Dataset:
    numbers, notes = items.ids.numbers(), [*items.notes, *rows.notes]
    fits = numbers is not None and numbers.min() >= 1 and numbers.max() <= MAX_ID
    order = np.argsort(numbers) if fits and numbers is not None else np.arange(len(items.ids.index))
    movie_ids = numbers[order] if fits and numbers is not None else order + 1
    own: Sequence[ItemId] | None = None if fits else list(items.ids.index) if numbers is None else numbers.tolist()

    place = np.argsort(order)
    users, of_item, values, sums, times = _pairs(rows, rows.rows_in(items.ids, notes), notes)
    stars = _stars(rows.mapping, values, sums, notes)
    ratings = ratings_frame(rows.users.int32()[users], movie_ids[place[of_item]], stars, times)
    movies = pd.DataFrame(
        {
            "movie_id": movie_ids.astype(np.int32),
            "title": pd.Series([items.titles[row] for row in order], dtype="str"),
            "year": np.array([items.years[row] for row in order], dtype=np.int16),
            "genres": pd.Series([items.genres[row] for row in order], dtype="str"),
            "tmdb_id": items.tmdb_ids[order],
            "imdb_id": items.imdb_ids[order],
        }
    )
    columns = {key: _taken(column, order) for key, column in items.columns.items()}
    texts = tuple(items.texts[row] for row in order) if any(items.texts) else ()
    digest = hashlib.sha256(repr((noun, own, texts, movies.to_dict("list"))).encode())
    for part in [
        *(ratings[key].to_numpy() for key in ratings),
        *(x for one in columns.values() for x in vars(one).values()),
    ]:
        digest.update(np.ascontiguousarray(part).data if isinstance(part, np.ndarray) else repr(part).encode())
    return Dataset(
        name=name,
        source=source,
        ratings=ratings,
        movies=movies,
        tags=no_tags(),
        genome=None,
        sha256=digest.hexdigest(),
        notes=tuple(notes),
        item_ids=None if own is None else tuple(own),
        noun=noun,
        columns=columns,
        texts=texts,
        read=tuple(rows.read + items.read),
    )


def _taken(column: Column, order: NDArray[np.int64]) -> Column:
    if isinstance(column, Numbers):
        return Numbers(column.values[order])
    return Labels.of([column.words(row) for row in order.tolist()])


class _Rows:
    """All interactions whose user, item and kind of event are known, column by column."""

    def __init__(self, mapping: InteractionsMapping, files: Sequence[DataFile], progress: ByteProgress) -> None:
        self.mapping = mapping
        self.users, self.items, self.notes, self.read = Ids(), Ids(), list[str](), list[dict[str, str]]()
        self._events: Counter[str] = Counter()
        roles = {role: name for role in _ROLES if (name := getattr(mapping, role))}
        parts: list[list[Any]] = [[], [], [], [], []]
        left_out: Counter[str] = Counter()
        for file in files:
            for batch in read_batches(file, roles.values()):
                _describe("interactions", batch, roles, self.read)
                for column, part in zip(parts, self._part(batch, left_out), strict=True):
                    column.append(part)
            progress.advance(file.size)
        for reason, n in (+left_out).items():
            self.notes.append(f"interactions: {n:,} rows left out: {reason}")
        if not sum(map(len, parts[0])):
            raise DataError(
                f"{files[0].name}: no interaction is left" + "".join(f"; {note}" for note in self.notes),
                fix="check that the files hold rows, and events and columns of the mapping",
            )
        if mapping.event:
            for never in [kind for kind in mapping.events if not self._events[kind]]:
                self.notes.append(f"interactions: no row has the event {never!r}")
        # One at a time, from the back: memory peaks lower.
        joined = [None if (column := parts.pop())[0] is None else np.concatenate(column) for _ in range(5)]
        self.times: NDArray[np.int64] | None
        self.times, self.weights, self.values, self.item_codes, self.user_codes = joined
        if self.times is not None and (late := int((self.times > time.time() + 86_400).sum())):
            self.notes.append(f"interactions: {late:,} rows have a time in the future")

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
            counts = dict(
                zip(
                    [*kinds, ""], np.bincount(places % (len(kinds) + 1), minlength=len(kinds) + 1).tolist(), strict=True
                )
            )
            default = 1.0 if mapping.value else np.nan  # a row with a value needs no event
            weight_of = [*(mapping.events.get(kind, np.nan) for kind in kinds), default]
            of_event = np.array(weight_of, dtype=np.float32)[places]
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

    def rows_in(self, ids: Ids, notes: list[str]) -> NDArray[np.int32]:
        """(m,) rows of the items' table, -1 for items that it lacks; these are noted, or refused if they are most."""
        of_code = np.array([ids.index.get(given, -1) for given in self.items.index], dtype=np.int32)
        rows = of_code[self.item_codes]
        if unknown := int((rows < 0).sum()):
            lost = [given for given, row in zip(self.items.index, of_code, strict=True) if row < 0]
            what = f"{unknown:,} of {len(rows):,} interactions are with {len(lost):,} items that no file of items lists"
            if unknown > MOST_UNKNOWN * len(rows):
                fix = f"map the same ids in both tables: items have such as {next(iter(ids.index))!r}"
                raise DataError(f"{what}, such as {lost[0]!r}", fix=fix)
            notes.append(f"{what}, such as {lost[0]!r}: left out")
        return rows


_ROLES = ("user", "item", "value", "weight", "event", "time")
_ITEM_ROLES = ("id", "title", "year", "genres", "tmdb_id", "imdb_id")


def _pairs(rows: _Rows, items: NDArray[np.int32], notes: list[str]) -> tuple[Any, ...]:
    """Users, items, values, sums of weights, and times, a row for each pair of a user and an item.

    Of several values the latest counts, or without times the last in the files.
    """
    columns: list[Any] = [rows.user_codes, items, rows.values, rows.weights, rows.times]
    if (known := items >= 0).sum() < len(items):
        columns = [None if column is None else column[known] for column in columns]
    users, items, values, weights, times = columns
    if times is None:
        times = np.zeros(len(users), dtype=np.int64)
    key = users.astype(np.int64) << 32 | items
    order = np.argsort(key, kind="stable") if values is None or not times.any() else np.lexsort((times, key))
    key = key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    del key
    if len(starts) == len(order):
        return users, items, values, np.ones(len(users), np.float32) if weights is None else weights, times
    counts = np.diff(np.append(starts, len(order))).astype(np.float32)
    sums = counts if weights is None else np.add.reduceat(weights[order], starts)
    if values is not None:
        values = values[order]
        last = np.maximum.reduceat(np.where(np.isnan(values), -1, np.arange(len(values))), starts)
        values = np.where(last >= 0, values[last], np.nan)
        if again := int((~np.isnan(columns[2])).sum() - (last >= 0).sum()):
            notes.append(f"interactions: {again:,} values are replaced by later ones of the same user and item")
    else:
        notes.append(f"interactions: {len(order):,} rows are summed to {len(starts):,} pairs of a user and an item")
    return users[order[starts]], items[order[starts]], values, sums, np.maximum.reduceat(times[order], starts)


def _stars(
    mapping: InteractionsMapping, values: NDArray[np.float32] | None, sums: NDArray[np.float32], notes: list[str]
) -> NDArray[np.float32]:
    """(m,) ratings from 0.5 to 5 of pairs, by their value, or else the sum of their weights."""
    stars = np.empty(len(sums), dtype=np.float32)
    rated = np.zeros(len(sums), dtype=np.bool_) if values is None else ~np.isnan(values)
    if values is not None and rated.any():
        stars[rated] = _stars_of_values(mapping, values[rated], notes)
    if rated.all():
        return stars
    of_pair, like = sums[~rated], None if mapping.value else mapping.like
    steps = sorted({weight for weight in mapping.events.values() if weight > 0})
    if like is None and len(steps) > 1:
        like = steps[1]
    liked = of_pair > 0 if like is None else of_pair >= like
    stars[~rated] = np.where(liked, LIKED, np.where(of_pair > 0, SEEN, DISLIKED))
    n, pairs = int(liked.sum()), f"{len(of_pair):,} pairs of a user and an item"
    if like is None:
        notes.append(f"likes: {n:,} of {pairs}, those with a weight above 0; like = 2 in [interactions] asks for more")
    else:
        how = "" if mapping.like else f"; like = {steps[0]:g} in [interactions] counts each {_least_event(mapping)}"
        notes.append(f"likes: {n:,} of {pairs}, those whose weights sum to {like:g} or more{how}")
    if down := int((of_pair <= 0).sum()):
        notes.append(f"dislikes: {down:,} pairs, whose weights sum to 0 or less")
    if not n and not rated.any():
        raise DataError(
            f"interactions: no pair of a user and an item is a like: the greatest sum of weights is {of_pair.max():g}",
            fix="lower like in [interactions]"
            if mapping.like
            else f"set like = {max(of_pair.max(), 0.1):g} in [interactions]",
        )
    return stars


def _least_event(mapping: InteractionsMapping) -> str:
    positive = {kind: weight for kind, weight in mapping.events.items() if weight > 0}
    return min(positive, key=positive.__getitem__)


def _stars_of_values(
    mapping: InteractionsMapping, values: NDArray[np.float32], notes: list[str]
) -> NDArray[np.floating[Any]]:
    name, (least, most) = mapping.value, (float(values.min()), float(values.max()))
    if mapping.scale is None:
        if least <= 0 < most and np.isin(values, (-1, 0, 1)).all():
            notes.append(f"{name}: thumbs, {int((values > 0).sum()):,} up and the others down")
            return np.where(values > 0, LIKED, DISLIKED)
        if least == most:
            notes.append(f"{name}: each value is {least:g}, so each row counts as a like")
            return np.full(len(values), LIKED)
        if least < _STARS[0] or most > _STARS[1]:
            fix = f"give its ends in [interactions]: scale = [{least:g}, {most:g}]; map counts as weight, not value"
            raise DataError(f"interactions: {name} runs from {least:g} to {most:g}, not from 0.5 to 5", fix=fix)
    low, high = mapping.scale or _STARS
    if mapping.like is None:
        at = low + (high - low) * (POSITIVE - _STARS[0]) / (_STARS[1] - _STARS[0])
        notes.append(f"likes: values of {name} of {at:.3g} or more; like in [interactions] sets another limit")
        return np.interp(values, (low, high), _STARS)
    notes.append(f"likes: values of {name} of {mapping.like:g} or more")
    above = np.interp(values, (mapping.like, max(high, mapping.like + 1e-6)), (POSITIVE, _STARS[1]))
    below = np.interp(values, (min(low, mapping.like - 1e-6), mapping.like), (_STARS[0], POSITIVE - 0.01))
    return np.where(values >= np.float32(mapping.like), above, below)


class _Items:
    """The table of items, in the files' order."""

    def __init__(self, mapping: ItemsMapping, files: Sequence[DataFile], progress: ByteProgress) -> None:
        self.ids, self.notes, self.read = Ids(), list[str](), list[dict[str, str]]()
        roles = {role: name for role in _ITEM_ROLES if (name := getattr(mapping, role))}
        roles |= {f"column {name}": name for name in mapping.columns} | {f"text {name}": name for name in mapping.text}
        batches: list[Batch] = []
        for file in files:
            for batch in read_batches(file, list(roles.values()), whole=True):
                _describe("items", batch, roles, self.read)
                batches.append(batch)
                self._add_ids(mapping.id, batches)
            progress.advance(file.size)
        if not self.ids.index:
            raise DataError(f"{files[0].name}: there is no item", fix="check that the file was copied whole")
        self._read_titles(mapping, batches)
        self.genres = self._genres(mapping.genres, batches)
        self.tmdb_ids, self.imdb_ids = (self._numbers(name, batches) for name in (mapping.tmdb_id, mapping.imdb_id))
        self.columns = {name: column_of(batches, name) for name in mapping.columns}
        texts = [[words_of(batch, name) for batch in batches] for name in mapping.text]
        each = [[" ".join(words) for part in parts for words in part] for parts in texts]
        self.texts = [" ".join(parts) for parts in zip(*each, strict=True)]

    @classmethod
    def of_ids(cls, ids: Ids) -> "_Items":
        """Items of which only the ids are known."""
        items = cls.__new__(cls)
        items.ids = Ids(dict.fromkeys(sorted(ids.index), 0), ids.types)
        items.ids.index.update((given, row) for row, given in enumerate(items.ids.index))
        items.titles, n = list(items.ids.index), len(items.ids.index)
        items.years, items.genres = [0] * n, [""] * n
        items.tmdb_ids = items.imdb_ids = np.zeros(n, dtype=np.int64)
        items.notes, items.read, items.columns, items.texts = ["items: no files, so titles are the ids"], [], {}, []
        return items

    def _add_ids(self, name: str, batches: Sequence[Batch]) -> None:
        """Add the ids of the last batch, which must be new."""
        *earlier, batch = batches
        before = len(self.ids.index)
        codes = self.ids.add(batch, name)
        require(batch, cells_of(batch, name), codes >= 0, f"{name} is empty", "give each item an id, or remove the row")
        if (again := codes != np.arange(before, before + len(codes))).any():
            row = int(np.argmax(again))
            first = int(codes[row])
            for other in [*earlier, batch]:
                if first < len(other.table):
                    where = other.place(first) + (f" of {other.file.name}" if other is not batch else "")
                    given = list(self.ids.index)[int(codes[row])]
                    raise batch.refuse(row, f"{name} {given!r} again, after {where}", "keep one row per item")
                first -= len(other.table)

    def _read_titles(self, mapping: ItemsMapping, batches: Sequence[Batch]) -> None:
        ids = list(self.ids.index)
        words = [words for batch in batches for words in words_of(batch, mapping.title)] if mapping.title else []
        titles = [" ".join(own) for own in words] or [""] * len(ids)
        if mapping.title and (untitled := titles.count("")):
            self.notes.append(f"items: {untitled:,} without {mapping.title}, so their titles are their ids")
        self.years = [year for batch in batches for year in years_of(batch, mapping.year)] if mapping.year else []
        self.years = self.years or [0] * len(ids)
        if mapping.year and mapping.year == mapping.title:
            titles, self.years = map(list, zip(*map(split_title, titles), strict=True))
        self.titles = [title or own for title, own in zip(titles, ids, strict=True)]

    def _numbers(self, name: str | None, batches: Sequence[Batch]) -> NDArray[np.int64]:
        """(n,) ids such as 603 or tt0133093 as numbers, 0 where unknown."""
        if name is None:
            return np.zeros(len(self.titles), dtype=np.int64)
        words = pd.Series([" ".join(own) for batch in batches for own in words_of(batch, name)], dtype="str")
        return pd.to_numeric(words.str.removeprefix("tt"), errors="coerce").fillna(0).to_numpy(np.int64)

    def _genres(self, name: str | None, batches: Sequence[Batch]) -> list[str]:
        if not name:
            return [""] * len(self.titles)
        words = [words for batch in batches for words in words_of(batch, name)]
        if all(is_list(batch, name) for batch in batches):
            genres = ["|".join(word.replace("|", "/") for word in own) for own in words]
        else:
            genres, mark, valid = split_genres([" ".join(own) for own in words])
            if not valid.all():
                what = f"{name} is {words[int(np.argmin(valid))]}, which is no list of names"
                raise batches[0].refuse(int(np.argmin(valid)), what, 'write ["Action", "Comedy"] or Action|Comedy')
            if mark:
                self.notes.append(f"items: {name} is separated by {mark!r}, and read so")
        genres = ["|".join(dict.fromkeys(part for one in own.split("|") if (part := one.strip()))) for own in genres]
        counted = Counter(part for own in genres for part in own.split("|") if part)
        if len(counted) > MOST_GENRES:
            raise DataError(
                f"items: {name} has {len(counted):,} different words, and genres are at most {MOST_GENRES}",
                fix=f"map a coarser column as genres, and this one as columns = [{name!r}]",
            )
        return genres


def _describe(table: str, batch: Batch, roles: dict[str, str], read: list[dict[str, str]]) -> None:
    """Add how each column of a file is read, once for each column of a table."""
    known = {fact["column"] for fact in read if fact["table"] == table}
    as_what: dict[str, list[str]] = {}
    for role, name in roles.items():
        as_what.setdefault(name, []).append(role)
    for name in batch.names:
        if name in known:
            continue
        fact = {"table": table, "column": name, "read_as": "ignored", "type": "", "example": ""}
        if name in as_what:
            cells = cells_of(batch, name).drop_null()
            example = printable(str(cells[0].as_py())) if len(cells) else ""
            fact |= {"read_as": ", ".join(as_what[name]), "type": type_name(cells.type), "example": example}
        read.append(fact)
