"""Clients of the API, typed by its contracts. Need the extra `client`: `pip install 'marquee[client]'`."""

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, Self, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from marquee.api.conditions import texts_of_conditions
from marquee.api.contracts import (
    Filters,
    Movie,
    MovieDetails,
    MovieList,
    Problem,
    RecommendationRequest,
    RecommendationResponse,
)
from marquee.api.ratings import RatingRow, Resolved, ResolveRequest
from marquee.api.request_body import summary, validation_messages
from marquee.base_model import json_schema
from marquee.bundle.card import ModelCard
from marquee.errors import MarqueeError, RequestError
from marquee.inspect_request import RequestAccount
from marquee.wishes import Understood

__all__ = ["ApiError", "AsyncClient", "Client", "ServerUnavailable", "Unreachable"]

MAX_WAIT_SECONDS = 10.0
P = ParamSpec("P")
T = TypeVar("T")


class Unreachable(MarqueeError):  # noqa: N818 - names the state
    """No answer from the address, or not in time."""


class ApiError(MarqueeError):
    """The server answered with a problem, whose fields are the error's attributes.

    `code` is listed in docs/api.md; it is "" where the answer is not Marquee's, such as a proxy's.
    """

    def __init__(self, problem: Problem) -> None:
        message, _, fix = problem.detail.partition(": ")
        super().__init__(message, fix=fix)
        self.status = problem.status
        self.code = problem.code
        self.detail = problem.detail
        self.errors = problem.errors
        self.request_id = problem.request_id


class ServerUnavailable(ApiError):  # noqa: N818 - as above
    """503, after a retry too: overload, no bundle yet, or shutdown."""


class _Call(NamedTuple, Generic[T]):
    """A request that is not sent yet, and the parser of its answer."""

    path: str
    parse: Callable[[bytes], T]
    params: Mapping[str, Any] = {}
    body: bytes | None = None

    def request(self, client: httpx2.Client | httpx2.AsyncClient) -> httpx2.Request:
        method, headers = ("POST", {"Content-Type": "application/json"}) if self.body else ("GET", {})
        return client.build_request(method, self.path, params=self.params, content=self.body, headers=headers)

    def result(self, response: httpx2.Response) -> T:
        """The parsed answer; fields that a newer server adds are ignored."""
        if response.status_code >= 400:
            raise _api_error(response)
        try:
            return self.parse(response.content)
        except ValidationError:
            detail = f"the answer to {self.path} is not Marquee's: look at base_url"
            raise ApiError(Problem(code="", title="", status=200, detail=detail)) from None


def _parser(model: Any) -> Any:
    return functools.partial(model.model_validate_json, extra="ignore")


def _movies(body: bytes) -> list[Movie]:
    return MovieList.model_validate_json(body, extra="ignore").movies


class _Endpoints:
    """The methods of both clients; each returns the call to make."""

    def recommend(
        self, request: RecommendationRequest | None = None, /, **fields: Any
    ) -> _Call[RecommendationResponse]:
        """Films for a few that somebody likes; `request`, or its fields: `recommend(tmdb_ids=[1585], top_n=5)`."""
        return _Call(
            "/v1/recommendations", _parser(RecommendationResponse), body=_body(RecommendationRequest, request, fields)
        )

    def explain(self, request: RecommendationRequest | None = None, /, **fields: Any) -> _Call[RequestAccount]:
        """How the answer to such a request comes about, as docs/api.md describes it."""
        return _Call("/v1/explain", _parser(RequestAccount), body=_body(RecommendationRequest, request, fields))

    def resolve(self, rows: Sequence[RatingRow | Mapping[str, Any]]) -> _Call[Resolved]:
        """The films that rows of ratings are about, at most 2,000 a call; `marquee.ratings` reads files of them."""
        return _Call("/v1/resolve", _parser(Resolved), body=_body(ResolveRequest, None, {"rows": list(rows)}))

    def search(self, q: str, limit: int = 10) -> _Call[list[Movie]]:
        """Films by title, the best match first."""
        return _Call("/v1/movies", _movies, {"q": q, "limit": limit})

    def movie(self, movie_id: int | str) -> _Call[MovieDetails]:
        """One film, and how liked it is; by its `movie_id`, or by your data's own id as text."""
        return _Call(_address(movie_id), _parser(MovieDetails))

    def similar(self, movie_id: int | str, top_n: int = 10, filters: Filters | None = None) -> _Call[list[Movie]]:
        """Films like one film, best first; by the same ids."""
        params = filters.model_dump(exclude_defaults=True) if filters else {}
        if filters and params.pop("columns", None):
            params["where"] = texts_of_conditions(filters.columns)
        return _Call(f"{_address(movie_id)}/similar", _movies, {"top_n": top_n, **params})

    def sample(self, n: int = 12, seed: int | None = None, genre: str | None = None) -> _Call[list[Movie]]:
        """Well-known films to begin with; with a `seed` always the same ones."""
        params = {"n": n, "seed": seed, "genre": genre}
        return _Call("/v1/movies/sample", _movies, {name: v for name, v in params.items() if v is not None})

    def understand(self, q: str) -> _Call[Understood]:
        """What a wish in words asks for; its `request` is a body for `recommend` if it has films."""
        return _Call("/v1/understand", _parser(Understood), {"q": q})

    def model(self) -> _Call[ModelCard]:
        """The model's card."""
        return _Call("/v1/model", _parser(ModelCard))


def _address(of: int | str) -> str:
    return f"/v1/items/{quote(of, safe='')}" if isinstance(of, str) else f"/v1/movies/{int(of)}"


_ENDPOINTS = _Endpoints()


def _blocking(endpoint: Callable[Concatenate[_Endpoints, P], _Call[T]]) -> Callable[Concatenate["Client", P], T]:
    @functools.wraps(endpoint)
    def method(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client._answer(endpoint(_ENDPOINTS, *args, **kwargs))

    return method


def _awaitable(
    endpoint: Callable[Concatenate[_Endpoints, P], _Call[T]],
) -> Callable[Concatenate["AsyncClient", P], Coroutine[Any, Any, T]]:
    @functools.wraps(endpoint)
    async def method(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client._answer(endpoint(_ENDPOINTS, *args, **kwargs))

    return method


class Client:
    """Client for ordinary code. Use it in a `with` block, or close it.

    Every method raises `ApiError` with the server's problem, `ServerUnavailable` (an `ApiError`) for a 503 that a retry
    after `Retry-After` didn't change, `Unreachable` where nobody answers, and `RequestError` for invalid fields.

    Args:
        base_url: Address of the server, such as http://127.0.0.1:8080.
        timeout: Seconds to connect, and to wait for each part of an answer.
        headers: Sent with every request, such as those that a gateway wants.
    """

    def __init__(self, base_url: str, *, timeout: float = 5.0, headers: dict[str, str] | None = None) -> None:
        self._base_url = base_url
        self._http = httpx2.Client(base_url=base_url, timeout=timeout, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    recommend = _blocking(_Endpoints.recommend)
    explain = _blocking(_Endpoints.explain)
    resolve = _blocking(_Endpoints.resolve)
    search = _blocking(_Endpoints.search)
    movie = _blocking(_Endpoints.movie)
    similar = _blocking(_Endpoints.similar)
    sample = _blocking(_Endpoints.sample)
    understand = _blocking(_Endpoints.understand)
    model = _blocking(_Endpoints.model)

    def _answer(self, call: _Call[T]) -> T:
        request = call.request(self._http)
        try:
            response = self._http.send(request)
            if (wait := _wait_before_retry(response)) is not None:
                time.sleep(wait)
                response = self._http.send(request)
        except httpx2.TransportError as error:
            raise _unreachable(self._base_url, error) from error
        return call.result(response)


class AsyncClient:
    """Client for asyncio, with the methods, arguments and errors of `Client`. Use it in an `async with` block."""

    def __init__(self, base_url: str, *, timeout: float = 5.0, headers: dict[str, str] | None = None) -> None:
        self._base_url = base_url
        self._http = httpx2.AsyncClient(base_url=base_url, timeout=timeout, headers=headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    recommend = _awaitable(_Endpoints.recommend)
    explain = _awaitable(_Endpoints.explain)
    resolve = _awaitable(_Endpoints.resolve)
    search = _awaitable(_Endpoints.search)
    movie = _awaitable(_Endpoints.movie)
    similar = _awaitable(_Endpoints.similar)
    sample = _awaitable(_Endpoints.sample)
    understand = _awaitable(_Endpoints.understand)
    model = _awaitable(_Endpoints.model)

    async def _answer(self, call: _Call[T]) -> T:
        request = call.request(self._http)
        try:
            response = await self._http.send(request)
            if (wait := _wait_before_retry(response)) is not None:
                await asyncio.sleep(wait)
                response = await self._http.send(request)
        except httpx2.TransportError as error:
            raise _unreachable(self._base_url, error) from error
        return call.result(response)


def _body(kind: type[BaseModel], request: BaseModel | None, fields: Mapping[str, Any]) -> bytes:
    """The request as JSON, validated before it is sent."""
    try:
        request = request or kind.model_validate(dict(fields))
    except ValidationError as error:
        messages = validation_messages(error.errors(include_url=False), json_schema(kind))
        raise RequestError(summary(messages), fix="see docs/api.md for the fields of a request") from None
    return request.model_dump_json(exclude_unset=True).encode()


def _wait_before_retry(response: httpx2.Response) -> float | None:
    """Seconds to wait before a retry; None where there should be none."""
    retry_after = response.headers.get("retry-after", "")
    if response.status_code != 503 or not retry_after.isdecimal() or float(retry_after) > MAX_WAIT_SECONDS:
        return None
    return float(retry_after)


def _unreachable(base_url: str, error: Exception) -> Unreachable:
    fix = "check that the server runs and that base_url is its address"
    return Unreachable(f"no answer from {base_url} ({type(error).__name__}: {error})", fix=fix)


def _api_error(response: httpx2.Response) -> ApiError:
    status = response.status_code
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        text = response.content[:200].decode(errors="replace")
        detail = f"the answer is {status} and no problem of Marquee's ({text}): look at what stands before the server"
        request_id = response.headers.get("x-request-id", "")
        problem = Problem(code="", title="", status=status, detail=detail, request_id=request_id)
    return ServerUnavailable(problem) if status == 503 else ApiError(problem)
