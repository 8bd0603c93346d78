"""The mapping file, `marquee.toml`: which files hold a team's data, and what their columns mean."""

import difflib
import tomllib
from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from marquee.base_model import FrozenBaseModel
from marquee.errors import DataError

NAME = "marquee.toml"
ITEMS = ("item", "items")
_DOCS = "docs/your-catalogue.md has examples"
Name = Annotated[str, Field(min_length=1)]
Names = tuple[Name, ...]


class InteractionsMapping(FrozenBaseModel):
    """Who did what with which item, a row each; columns by the names that the files have."""

    files: Name | Names
    """A file, a folder or a pattern, relative to the mapping's folder, or an address such as s3://bucket/events."""
    user: Name
    item: Name
    value: Name | None = None
    """Ratings. In rows without one, an event or weight counts."""
    scale: tuple[float, float] | None = None
    """The least and the greatest value, where these are not stars from 0.5 to 5 or thumbs."""
    like: float | None = None
    """From which value on, or without values from which sum of a pair's weights on, an item is liked."""
    weight: Name | None = None
    """How much a row counts, such as a quantity; 1 without. Weights of a user and an item are summed."""
    event: Name | None = None
    events: dict[str, float] = {}
    """Weight of each kind of event; other rows are left out."""
    time: Name | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.event) != bool(self.events):
            raise ValueError('event and events come together: event = "type" and events = { view = 1, purchase = 5 }')
        if self.scale and (not self.value or self.scale[0] >= self.scale[1]):
            raise ValueError('scale is of value, the least first: value = "stars" and scale = [1, 10]')
        return self


class ItemsMapping(FrozenBaseModel):
    """What is known of each item, a row each."""

    files: Name | Names
    id: Name
    title: Name | None = None
    year: Name | None = None
    """A number, date or text that begins with the year; if it is the title's column, "Title (1999)" is taken apart."""
    genres: Name | None = None
    """Genres, categories or the like: lists, or text with separators."""
    tmdb_id: Name | None = None
    imdb_id: Name | None = None
    columns: Names = ()
    """Columns of words or numbers, for filters and as features."""
    text: Names = ()
    """Texts, such as descriptions, as features."""

    @model_validator(mode="after")
    def _no_taken_names(self) -> Self:
        if taken := {"genre", "year"} & set(self.columns):
            raise ValueError(f"columns can't have {taken.pop()}, which is a column anyway: map it by its own key")
        return self


class Mapping(FrozenBaseModel):
    """A mapping file's content."""

    name: Name | None = None
    """Of the data set; by default the folder's."""
    noun: tuple[Name, Name] = ITEMS
    """What an item is called, one and several."""
    interactions: InteractionsMapping
    items: ItemsMapping | None = None


_TABLES: dict[str, type[FrozenBaseModel]] = {"interactions": InteractionsMapping, "items": ItemsMapping}


def parse_mapping(raw: bytes, place: str) -> Mapping:
    """A mapping of a file's bytes.

    Raises:
        DataError: It is no TOML, a key is unknown or missing, or a value is of the wrong type.
    """
    try:
        return Mapping.model_validate(tomllib.loads(raw.decode("utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{place}: not TOML: {error}", fix=f"correct it; {_DOCS}") from None
    except ValidationError as error:
        # A misspelt key is a missing one, too; the first says more.
        found = sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
        raise _explained(found[0], place) from None


def _explained(error: Any, place: str) -> DataError:
    *tables, key = [str(part) for part in error["loc"] if isinstance(part, str) and "[" not in part] or [""]
    if tables[1:]:  # an entry of `events`, or the branch of a union
        key, tables = tables[1], tables[:1]
    if key in ("interactions", "items") and not tables and error["type"] == "value_error":
        key, tables = "", [key]
    table = f" in [{tables[0]}]" if tables else ""
    if error["type"] == "extra_forbidden":
        model = _TABLES.get(tables[0], Mapping) if tables else Mapping
        return DataError(f"{place}: unknown key {key!r}{table}", fix=did_you_mean(key, list(model.model_fields)))
    if key == "noun":
        return DataError(f"{place}: noun is one word for one, and one for several", fix='noun = ["book", "books"]')
    if error["type"] == "missing":
        what = f"[{key}]" if not tables and key == "interactions" else f"{key}{table}"
        return DataError(f"{place}: {what} is missing", fix=f"add it; {_DOCS}")
    if error["type"] == "value_error":
        return DataError(f"{place}: {error['ctx']['error']}", fix=f"correct it{table}; {_DOCS}")
    return DataError(f"{place}: {key} = {error['input']!r}{table}: {error['msg']}", fix=f"correct it; {_DOCS}")


def did_you_mean(wrong: str, known: Sequence[str]) -> str:
    """A fix for a misspelt name."""
    near = difflib.get_close_matches(wrong, known, 1, 0.5)
    return (f"did you mean {near[0]!r}? There are " if near else "use one of ") + ", ".join(known)
