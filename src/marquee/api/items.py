"""Models of items that are added, changed or removed between trainings: `/v1/items`."""

from typing import Annotated

from pydantic import ConfigDict, Field

from marquee.api.conditions import Value
from marquee.api.contracts import Genre, GivenId, ImdbId, MovieId, Year
from marquee.base_model import EMPTY_DICT, EMPTY_LIST, OMITTED, FrozenBaseModel

ColumnName = Annotated[str, Field(min_length=1, max_length=100)]


class Item(FrozenBaseModel):
    """An item of the catalogue. Of one that a model knows already, what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"title": "Moon Harbour", "year": 2026, "genres": ["Drama"], "columns": {"price": 12.5}}]
        }
    )

    title: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
    """Without the year, in reading order."""
    year: Year | None = None
    """Year of release; null if unknown."""
    genres: Annotated[list[Genre], Field(max_length=30)] = EMPTY_LIST
    """Genres, categories or departments, by which new items find their people."""
    tmdb_id: MovieId | None = OMITTED
    """Of a film, its TMDB id."""
    imdb_id: ImdbId | None = OMITTED
    """Of a film, its IMDb id, such as `tt0133093`."""
    columns: Annotated[
        dict[ColumnName, Value | Annotated[list[Value], Field(max_length=100)]], Field(max_length=50)
    ] = EMPTY_DICT
    """Values of further columns, for filters and rules, and as features where a model knows the column."""


class AddedItem(FrozenBaseModel):
    """An item as it was added or changed, by its id."""

    item_id: GivenId
    item: Item
    number: Annotated[int, Field(ge=1)]
    """Order of arrival; what `movie_id` follows from where `item_id` is no number that fits."""


class AddedItems(FrozenBaseModel):
    """All items that were added, changed or removed since they were last taken into the data."""

    items: tuple[AddedItem, ...] = ()
    """In the order of arrival."""
    removed: tuple[GivenId, ...] = ()
    """Ids of items that are not recommended or found any more."""
