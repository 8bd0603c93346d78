"""The items of a mapping's files, or of ids alone, as a data set has them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from marquee.errors import DataError
from marquee.models.catalog import ItemId
from marquee.models.columns import Column
from marquee_training.data.cells import Ids, cells_of, column_of, describe_columns, is_list, require, words_of, years_of
from marquee_training.data.mapping import ItemsMapping
from marquee_training.data.movielens import split_genres
from marquee_training.data.row_errors import MAX_ID
from marquee_training.data.tables import Batch, DataFile, read_batches
from marquee_training.data.titles import split_title
from marquee_training.progress import ByteProgress

MOST_GENRES = 200
"""More are counted as a mistake for a column: genres are a dense matrix, and each is calibrated for."""
_ROLES = ("id", "title", "year", "genres", "tmdb_id", "imdb_id")


@dataclass(frozen=True)
class Items:
    """`Dataset.movies`, ids, columns and texts of the items; `row_of` has the row of each id by its number in `ids`."""

    ids: Ids
    movies: pd.DataFrame
    own: tuple[ItemId, ...] | None
    row_of: NDArray[np.int64]
    columns: dict[str, Column] = field(default_factory=dict)
    texts: tuple[str, ...] = ()


def read_items(
    mapping: ItemsMapping, files: Sequence[DataFile], progress: ByteProgress, read: list[dict[str, str]]
) -> tuple[Ids, Batch]:
    """The ids, which are unique, and the rows of all files."""
    roles = {role: name for role in _ROLES if (name := getattr(mapping, role))}
    roles |= {f"column {name}": name for name in mapping.columns} | {f"text {name}": name for name in mapping.text}
    ids, batches = Ids(), list[Batch]()
    for file in files:
        for batch in read_batches(file, list(roles.values()), whole=True):
            describe_columns("items", batch, roles, read)
            batches.append(batch)
            new = np.arange(len(ids.index), len(ids.index) + len(batch.table))
            codes = ids.add(batch, mapping.id)
            fix = "give each item an id, or remove the row"
            require(batch, cells_of(batch, mapping.id), codes >= 0, f"{mapping.id} is empty", fix)
            if (codes != new).any():
                row = int(np.argmax(codes != new))
                raise batch.refuse(row, _twice(mapping.id, int(codes[row]), ids, batches), "keep one row per item")
        progress.advance(file.size)
    if not ids.index:
        raise DataError(f"{files[0].name}: there is no item", fix="check that the file was copied whole")
    try:
        table = pa.concat_tables([batch.table for batch in batches], promote_options="permissive")
    except pa.ArrowException as error:
        what = f"{files[0].name} and the other files of items have columns of different types: {error}"
        raise DataError(what, fix="give each column one type in all files") from None
    return ids, Batch(batches[0].file, batches[0].names, table, 1)


def _twice(name: str, code: int, ids: Ids, batches: Sequence[Batch]) -> str:
    row = code
    for batch in batches:
        if row < len(batch.table):
            break
        row -= len(batch.table)
    where = batch.place(row) + ("" if batch is batches[-1] else f" of {batch.file.name}")
    return f"{name} {list(ids.index)[code]!r} again, after {where}"


def make_items(mapping: ItemsMapping | None, ids: Ids, batch: Batch | None, notes: list[str]) -> Items:
    """The items of their rows, or of ids alone."""
    numbers, given = ids.numbers(), list(ids.index)
    own: tuple[ItemId, ...] | None = tuple(given if numbers is None else numbers.tolist())
    order = np.arange(len(given))
    movie_ids = order + 1
    if numbers is not None and numbers.min() >= 1 and numbers.max() <= MAX_ID:
        order, own = np.argsort(numbers), None
        movie_ids = numbers[order]
    movies = pd.DataFrame(
        {
            "movie_id": movie_ids.astype(np.int32),
            "title": pd.Series([given[row] for row in order], dtype="str"),
            "year": np.int16(0),
            "genres": pd.Series([""] * len(order), dtype="str"),
            "tmdb_id": np.int64(0),
            "imdb_id": np.int64(0),
        }
    )
    if mapping is None or batch is None:
        return Items(ids, movies, own, np.argsort(order))
    batch = replace(batch, table=batch.table.take(order))
    if mapping.title:
        titles = pd.Series([" ".join(words) for words in words_of(batch, mapping.title)], dtype="str")
        if untitled := int((titles == "").sum()):
            notes.append(f"items: {untitled:,} without {mapping.title}, so their titles are their ids")
        if mapping.year == mapping.title:
            split = [split_title(title) for title in titles]
            movies["year"] = np.array([year for _, year in split], dtype=np.int16)
            titles = pd.Series([title for title, _ in split], dtype="str")
        movies["title"] = titles.where(titles != "", movies["title"])
    if mapping.year and mapping.year != mapping.title:
        movies["year"] = np.array(years_of(batch, mapping.year), dtype=np.int16)
    if mapping.genres:
        movies["genres"] = pd.Series(_genres(mapping.genres, batch, movies["title"].tolist(), notes), dtype="str")
    for role in ("tmdb_id", "imdb_id"):
        if name := getattr(mapping, role):  # 603, tt0133093
            words = pd.Series([" ".join(own_words) for own_words in words_of(batch, name)], dtype="str")
            found = pd.to_numeric(words.str.removeprefix("tt"), errors="coerce")
            movies[role] = found.fillna(0).to_numpy(np.int64)
    texts = [[" ".join(words) for words in words_of(batch, name)] for name in mapping.text]
    columns = {name: column_of(batch, name) for name in mapping.columns}
    return Items(ids, movies, own, np.argsort(order), columns, tuple(map(" ".join, zip(*texts, strict=True))))


def _genres(name: str, batch: Batch, titles: Sequence[str], notes: list[str]) -> list[str]:
    words = words_of(batch, name)
    if is_list(batch, name):
        genres = ["|".join(word.replace("|", "/") for word in own) for own in words]
    else:
        genres, note, valid = split_genres([" ".join(own) for own in words])
        if not valid.all():
            row = int(np.argmin(valid))
            what = f"{batch.file.name}: {name} of {titles[row]!r} is {words[row][0]}, which is no list of names"
            raise DataError(what, fix='write ["Action", "Comedy"] or Action|Comedy')
        notes += [f"items: {name} {note}"] * bool(note)
    genres = ["|".join(dict.fromkeys(part for one in own.split("|") if (part := one.strip()))) for own in genres]
    if (n := len({part for own in genres for part in own.split("|")})) > MOST_GENRES + 1:
        fix = f"map a coarser column as genres, and this one as columns = [{name!r}]"
        raise DataError(f"items: {name} has {n:,} different words, and genres are at most {MOST_GENRES}", fix=fix)
    return genres
