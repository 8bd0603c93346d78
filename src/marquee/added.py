"""Items that come, change and go between trainings: what a request says of them, and the bundle with them.

A new item's parameters are mixtures of those of items that people liked, by genres, years and columns, as training
makes them (docs/adr/0018); so a request finds it as it finds any other.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from marquee.api.items import AddedItem, AddedItems, Item
from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import first_problem
from marquee.bundle.store import Store
from marquee.errors import BundleError, RequestError, StoreBusy
from marquee.models.catalog import Catalog, ItemId
from marquee.models.columns import Column, Labels, Numbers
from marquee.models.content import catalog_features, mixtures

NAME = "ADDED.json"
MAX_ITEMS = 1000
"""A training takes them in; until then each takes some memory and milliseconds when the list changes."""
FIRST_NUMBER = 2**31 - 2**24
"""`movie_id` of new items whose ids don't fit."""
_ATTEMPTS = 20


def read_added(store: Store) -> AddedItems:
    """The items of a store's list."""
    return parse_added(store, store.document(NAME)[0])


def change(store: Store, put: Iterable[tuple[ItemId, Item]] = (), remove: Iterable[ItemId] = ()) -> AddedItems:
    """Add or replace items of the store's list, or remove some; all or none.

    Raises:
        RequestError: The list would have more than MAX_ITEMS items.
        StoreBusy: Others changed it again and again.
    """
    put, remove = list(put), list(remove)
    for _ in range(_ATTEMPTS):
        raw, known = store.document(NAME)
        changed = _changed(parse_added(store, raw), put, remove)
        if store.replace_document(NAME, changed.model_dump_json(exclude_defaults=True).encode(), known):
            return changed
    raise StoreBusy(f"{store}/{NAME} is being changed by others", fix="try again")


def _changed(added: AddedItems, put: list[tuple[ItemId, Item]], remove: list[ItemId]) -> AddedItems:
    number = max((one.number for one in added.items), default=0)
    items = {str(one.item_id): one for one in added.items}
    for item_id, item in put:
        earlier = items.get(str(item_id))
        number += earlier is None
        items[str(item_id)] = AddedItem(item_id=item_id, item=item, number=earlier.number if earlier else number)
    removed = {str(one): one for one in (*added.removed, *remove)}
    for item_id in remove:
        items.pop(str(item_id), None)
    for item_id, _ in put:
        removed.pop(str(item_id), None)
    if len(items) > MAX_ITEMS:
        fix = "train a model with them in its data, then remove them here (docs/new-items.md)"
        raise RequestError(f"there would be {len(items):,} items, and the limit is {MAX_ITEMS:,}", fix=fix)
    return AddedItems(items=tuple(items.values()), removed=tuple(removed.values()))


def parse_added(store: Store, raw: bytes | None) -> AddedItems:
    """The items of the list's content; a BundleError if it is none."""
    try:
        return AddedItems() if raw is None else AddedItems.model_validate_json(raw)
    except ValidationError as error:
        fix = "remove it, and add the items again"
        raise BundleError(f"{store}/{NAME} is no list of items: {first_problem(error)}", fix=fix) from None


def check_item(catalog: Catalog, item: Item) -> None:
    """Raise a RequestError if a column's value is of another kind than the catalogue's."""
    for name, value in item.columns.items():
        column, values = catalog.columns.get(name), value if isinstance(value, list) else [value]
        if name in {"genre", "year"}:
            raise RequestError(f"columns can't have {name!r}", fix="give genres and year beside columns")
        if isinstance(column, Numbers) and (len(values) != 1 or isinstance(values[0], str)):
            raise RequestError(f"the column {name!r} holds numbers, not {value!r}", fix="give one number")


def typed(catalog: Catalog, item_id: str) -> ItemId:
    """The id as a number where the catalogue's are numbers."""
    numbers = catalog.item_ids is None or isinstance(catalog.item_ids[0], int)
    return int(item_id) if numbers and item_id.isdecimal() and str(int(item_id)) == item_id else item_id


class Extension:
    """Makes extended bundles of one bundle: what takes seconds is computed once."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        catalog = bundle.catalog
        liked = np.flatnonzero(catalog.popularity)
        fitted = liked if len(liked) else np.arange(len(catalog))
        content = catalog_features(catalog, catalog)
        self._mixtures = np.zeros(content.shape, dtype=np.float32)
        self._mixtures[fitted] = mixtures(content, fitted)
        self._item_cf = bundle.item_cf.mixed(self._mixtures)

    def of(self, added: AddedItems) -> Bundle:
        """The bundle with the items that it lacks behind its own, and without those that were removed."""
        bundle = self._bundle
        n, catalog = len(bundle.catalog), with_items(bundle.catalog, added)
        if len(catalog) == n:
            return replace(bundle, catalog=catalog)
        features = catalog_features(catalog, bundle.catalog)[n:]
        return replace(
            bundle,
            catalog=catalog,
            two_tower=bundle.two_tower.extended(self._mixtures, features),
            item_cf=bundle.item_cf.extended(self._item_cf, features),
        )


def with_items(catalog: Catalog, added: AddedItems) -> Catalog:
    """The catalogue with items that it lacks behind its own, without likes, and with the changed and removed ones."""
    n, rows = len(catalog), {}
    new: list[AddedItem] = []
    for one in added.items:
        known = catalog.rows_of_items([one.item_id])[0]
        rows[known[0] if known else n + len(new)] = one.item
        new += [] if known else [one]
    withdrawn = tuple(catalog.rows_of_items(added.removed)[0])
    return replace(_changed_rows(catalog, rows, new), withdrawn=withdrawn)


def _changed_rows(catalog: Catalog, rows: dict[int, Item], new: list[AddedItem]) -> Catalog:
    """The catalogue with items changed, by row, of which the new ones are the last."""
    n, total = len(catalog), len(catalog) + len(new)
    titles = [*catalog.titles, *(one.item.title for one in new)]
    years = np.concatenate([catalog.years, np.zeros(len(new), dtype=np.int16)])
    tmdb_ids = np.concatenate([catalog.tmdb_ids, np.zeros(len(new), dtype=np.int64)])
    genres: dict[int, list[str]] = {row: [] for row in range(n, total)}
    columns: dict[str, dict[int, list[Any]]] = {}
    for row, item in rows.items():
        titles[row] = item.title
        if "year" in item.model_fields_set:
            years[row] = item.year or 0
        if "genres" in item.model_fields_set:
            genres[row] = item.genres
        tmdb_ids[row] = item.tmdb_id or tmdb_ids[row]
        given = {name: value if isinstance(value, list) else [value] for name, value in item.columns.items()}
        for name, value in (given | ({"imdb_id": [int(item.imdb_id[2:])]} if item.imdb_id else {})).items():
            columns.setdefault(name, {})[row] = value
    labels = catalog.genre_column.changed(total, genres)
    names = dict.fromkeys([*catalog.columns, *columns])
    return replace(
        catalog,
        **_ids(catalog, new),
        tmdb_ids=tmdb_ids,
        titles=tuple(titles),
        years=years,
        genre_names=labels.names,
        genres=labels.flags,
        popularity=np.concatenate([catalog.popularity, np.zeros(len(new), dtype=np.int32)]),
        columns={name: _changed_column(catalog.columns.get(name), n, total, columns.get(name, {})) for name in names},
    )


def _changed_column(column: Column | None, n: int, total: int, values: dict[int, list[Any]]) -> Column:
    numbers = {row: float(own[0]) for row, own in values.items() if len(own) == 1 and not isinstance(own[0], str)}
    if column is None:
        is_number = len(numbers) == len(values)
        column = (
            Numbers(np.full(n, np.nan)) if is_number else Labels((), np.zeros(n + 1, np.int64), np.zeros(0, np.int32))
        )
    if isinstance(column, Numbers):
        return column.changed(total, numbers)  # a later model can know a column of words as one of numbers
    return column.changed(total, {row: [str(value) for value in own] for row, own in values.items()})


def _ids(catalog: Catalog, new: list[AddedItem]) -> dict[str, Any]:
    """`movie_ids` and `item_ids`: new items have their ids where these fit."""
    fits = [catalog.item_ids is None and type(one.item_id) is int and 0 < one.item_id < FIRST_NUMBER for one in new]
    numbers = [one.item_id if fit else FIRST_NUMBER + one.number for one, fit in zip(new, fits, strict=True)]
    movie_ids = np.concatenate([catalog.movie_ids, np.array(numbers, dtype=np.int64)])
    own = catalog.item_ids
    if all(fits) and own is None:
        return {"movie_ids": movie_ids}
    before = catalog.movie_ids.tolist() if own is None else own
    return {"movie_ids": movie_ids, "item_ids": (*before, *(one.item_id for one in new))}
