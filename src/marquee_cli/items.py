"""Command on items that come, change or go between trainings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marquee_cli.options import STORE, Json, Store
from marquee_cli.output import out, print_json, print_table

if TYPE_CHECKING:
    from marquee.api.items import Item
    from marquee.models.catalog import ItemId


def items(
    store: Store = STORE,
    file: Annotated[
        Path | None, typer.Option("--add", help="JSON lines: an object each of item_id, title, and what else is known.")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="Id of an item. Can be repeated.")] = None,
    json_: Json = False,
) -> None:
    """List, add, change or remove items without a training; servers with MARQUEE_ITEMS_SECONDS follow."""
    from marquee.added import change, check_item, read_added, typed
    from marquee.bundle import load
    from marquee.bundle.address import open_store

    place = open_store(store)
    added = read_added(place)
    if file or remove:
        catalog, put = load(place).catalog, _items_of(file) if file else []
        for _, item in put:
            check_item(catalog, item)
        added = change(place, put, [typed(catalog, one) for one in remove or []])
    if json_:
        print_json(added.model_dump(mode="json"))
        return
    rows = [(one.item_id, one.item.title, one.item.year or "", ", ".join(one.item.genres)) for one in added.items]
    print_table(f"{len(rows)} items added or changed", ("id", "title", "year", "genres"), rows)
    if added.removed:
        out.print(f"removed: {', '.join(map(str, added.removed))}", markup=False)


def _items_of(file: Path) -> "list[tuple[ItemId, Item]]":
    """Ids and items of JSON lines."""
    from pydantic import ValidationError

    from marquee.api.items import AddedItem
    from marquee.bundle.manifest import first_problem
    from marquee.errors import DataError

    found = []
    for number, line in enumerate(file.read_text("utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        fix = 'write such as {"item_id": "b-17", "title": "Moon Harbour", "genres": ["Drama"]} on each line'
        try:
            entry = json.loads(line)
            given = {"item_id": entry.pop("item_id"), "item": entry, "number": 1}
            one = AddedItem.model_validate(given, strict=True)
        except ValidationError as error:
            problem = first_problem(error).removeprefix("item.")
            raise DataError(f"{file}, line {number}: {problem}", fix=fix) from None
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            what = "item_id is missing" if isinstance(error, KeyError) else f"not a JSON object: {error}"
            raise DataError(f"{file}, line {number}: {what}", fix=fix) from None
        found.append((one.item_id, one.item))
    return found
