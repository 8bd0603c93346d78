"""One query on the wire, in whichever protocol."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from marquee.errors import RequestError
from marquee.retrieval.port import Query, Where

MAX_INSTANCES = 64
MAX_K = 1000

Id = Annotated[int, Field(strict=True, ge=1, le=2**53)]
Genres = Annotated[tuple[Annotated[str, Field(strict=True, min_length=1, max_length=50)], ...], Field(max_length=30)]
Year = Annotated[int, Field(strict=True, ge=1, le=9999)]


class Instance(BaseModel):
    """What is asked for: the arguments of `marquee.retrieval.port.Retriever.candidates`, flat."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    movie_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)]
    k: Annotated[int, Field(strict=True, ge=1, le=MAX_K)] = 200
    genres_any: Genres = ()
    genres_none: Genres = ()
    year_min: Year | None = None
    year_max: Year | None = None
    exclude_movie_ids: Annotated[tuple[Id, ...], Field(max_length=1000)] = ()

    def query(self) -> Query:
        """The core's query."""
        where = Where(self.genres_any, self.genres_none, self.year_min, self.year_max, self.exclude_movie_ids)
        return Query(self.movie_ids, self.k, where)


def parse_instances(instances: list[Any], name: str) -> list[Query]:
    """Queries of a request's instances.

    Raises:
        RequestError: Naming the instance, the field, and what it should be.
    """
    if not 1 <= len(instances) <= MAX_INSTANCES:
        raise RequestError(f"{len(instances)} {name}", fix=f"send 1 to {MAX_INSTANCES}")
    queries = []
    for index, instance in enumerate(instances):
        try:
            queries.append(Instance.model_validate(instance).query())
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in (f"{name}[{index}]", *first["loc"]))
            raise RequestError(f"{place}: {first['msg']}", fix="see docs/retrieval.md") from None
    return queries


def to_fields(query: Query) -> dict[str, Any]:
    """The fields of an instance that differ from their defaults."""
    where = query.where
    fields = {
        "genres_any": list(where.genres_any),
        "genres_none": list(where.genres_none),
        "year_min": where.year_min,
        "year_max": where.year_max,
        "exclude_movie_ids": list(where.exclude_movie_ids),
    }
    given = {name: value for name, value in fields.items() if value not in ([], None)}
    return {"movie_ids": list(query.seed_movie_ids), "k": query.k, **given}
