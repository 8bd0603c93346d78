"""Calls as data, the same for both clients: what is sent, and what the answer is read as."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from marquee.api.contracts import MovieDetails, MovieList, Problem, RecommendationRequest, RecommendationResponse
from marquee.api.request_body import SCHEMA, summary, validation_messages
from marquee.bundle.card import ModelCard
from marquee.client.errors import ApiError
from marquee.errors import RequestError
from marquee.inspect_request import RequestAccount
from marquee.wishes import Understood

T = TypeVar("T")
MAX_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call.

    Attributes:
        method: GET or POST.
        path: From the server's root.
        returns: What the answer's JSON is.
        params: Of the query string.
        body: JSON, or None.
    """

    method: str
    path: str
    returns: type[T]
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: bytes | None = None

    def read(self, body: bytes) -> T:
        """The answer. Fields that a newer server adds are let go.

        Raises:
            ApiError: It is no such answer: the address is not Marquee's.
        """
        try:
            return TypeAdapter(self.returns).validate_json(body, **_lenient(self.returns))
        except ValidationError:
            detail = f"the answer to {self.path} is not Marquee's: look at base_url"
            raise ApiError(Problem(code="", title="", status=200, detail=detail)) from None


def _lenient(returns: type[Any]) -> dict[str, Any]:
    return {"extra": "ignore"} if isinstance(returns, type) and issubclass(returns, BaseModel) else {}


def wait_before_retry(status: int, retry_after: str | None) -> float | None:
    """Seconds to wait before asking again; None where that is no use or would take too long."""
    if status != 503 or retry_after is None or not retry_after.isdecimal():
        return None
    seconds = float(retry_after)
    return seconds if seconds <= MAX_WAIT_SECONDS else None


def recommend(asked: RecommendationRequest | None, fields: Mapping[str, Any]) -> Call[RecommendationResponse]:
    """`POST /v1/recommendations`."""
    return Call("POST", "/v1/recommendations", RecommendationResponse, body=_body(asked, fields))


def explain(asked: RecommendationRequest | None, fields: Mapping[str, Any]) -> Call[RequestAccount]:
    """`POST /v1/explain`."""
    return Call("POST", "/v1/explain", RequestAccount, body=_body(asked, fields))


def search(q: str, limit: int) -> Call[MovieList]:
    """`GET /v1/movies`."""
    return Call("GET", "/v1/movies", MovieList, {"q": q, "limit": limit})


def movie(movie_id: int) -> Call[MovieDetails]:
    """`GET /v1/movies/{movie_id}`."""
    return Call("GET", f"/v1/movies/{int(movie_id)}", MovieDetails)


def similar(movie_id: int, top_n: int) -> Call[MovieList]:
    """`GET /v1/movies/{movie_id}/similar`."""
    return Call("GET", f"/v1/movies/{int(movie_id)}/similar", MovieList, {"top_n": top_n})


def sample(n: int, seed: int | None, genre: str | None) -> Call[MovieList]:
    """`GET /v1/movies/sample`."""
    given: dict[str, str | int | None] = {"n": n, "seed": seed, "genre": genre}
    return Call("GET", "/v1/movies/sample", MovieList, {name: v for name, v in given.items() if v is not None})


def understand(q: str) -> Call[Understood]:
    """`GET /v1/understand`."""
    return Call("GET", "/v1/understand", Understood, {"q": q})


def model() -> Call[ModelCard]:
    """`GET /v1/model`."""
    return Call("GET", "/v1/model", ModelCard)


def _body(asked: RecommendationRequest | None, fields: Mapping[str, Any]) -> bytes:
    """The request as JSON, checked before it is sent.

    Raises:
        RequestError: The fields are no request.
    """
    try:
        request = asked or RecommendationRequest.model_validate(dict(fields))
    except ValidationError as error:
        told = validation_messages(error.errors(include_url=False), SCHEMA)
        raise RequestError(summary(told), fix="see docs/api.md for the fields of a request") from None
    return request.model_dump_json(exclude_unset=True).encode()
