"""The client for ordinary code."""

import time
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from marquee.api.contracts import Movie, MovieDetails, RecommendationRequest, RecommendationResponse
from marquee.bundle.card import ModelCard
from marquee.client import calls
from marquee.client.errors import error_of, unreachable
from marquee.inspect_request import RequestAccount
from marquee.wishes import Understood

T = TypeVar("T")


class Client:
    """Asks a server, and waits for its answers. Use it in a `with` block, or close it.

    Every method raises `ApiError` with the server's problem, `ServerUnavailable` (an `ApiError`) for a 503 that asking
    again after `Retry-After` didn't change, `Unreachable` where nobody answers, and `RequestError` for fields that make
    no request.

    Args:
        base_url: Where the server is, such as http://127.0.0.1:8080.
        timeout: Seconds to connect, and to wait for each part of an answer.
        headers: Sent with every request, such as those that a gateway wants.
    """

    def __init__(self, base_url: str, *, timeout: float = 5.0, headers: dict[str, str] | None = None) -> None:
        self._base_url = base_url
        self._http = httpx2.Client(base_url=base_url, timeout=timeout, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def recommend(self, request: RecommendationRequest | None = None, /, **fields: Any) -> RecommendationResponse:
        """Films for a few that somebody likes; `request`, or its fields: `recommend(tmdb_ids=[1585], top_n=5)`."""
        return self._call(calls.recommend(request, fields))

    def explain(self, request: RecommendationRequest | None = None, /, **fields: Any) -> RequestAccount:
        """How the answer to such a request comes about, as docs/api.md describes it."""
        return self._call(calls.explain(request, fields))

    def search(self, q: str, limit: int = 10) -> list[Movie]:
        """Films by title, the best match first."""
        return (self._call(calls.search(q, limit))).movies

    def movie(self, movie_id: int) -> MovieDetails:
        """One film, and how liked it is."""
        return self._call(calls.movie(movie_id))

    def similar(self, movie_id: int, top_n: int = 10) -> list[Movie]:
        """Films like one film."""
        return (self._call(calls.similar(movie_id, top_n))).movies

    def sample(self, n: int = 12, seed: int | None = None, genre: str | None = None) -> list[Movie]:
        """Well-known films to begin with; with a `seed` always the same ones."""
        return (self._call(calls.sample(n, seed, genre))).movies

    def understand(self, q: str) -> Understood:
        """What a wish in words asks for; its `request` is a body for `recommend` if it has films."""
        return self._call(calls.understand(q))

    def model(self) -> ModelCard:
        """The model's card."""
        return self._call(calls.model())

    def _call(self, call: calls.Call[T]) -> T:
        response = self._send(call)
        wait = calls.wait_before_retry(response.status_code, response.headers.get("retry-after"))
        if wait is not None:
            time.sleep(wait)
            response = self._send(call)
        if response.status_code >= 400:
            raise error_of(response.status_code, response.content, response.headers)
        return call.read(response.content)

    def _send(self, call: calls.Call[Any]) -> httpx2.Response:
        declared = {"Content-Type": "application/json"} if call.body is not None else {}
        try:
            return self._http.request(call.method, call.path, params=call.params, content=call.body, headers=declared)
        except httpx2.TransportError as error:
            raise unreachable(self._base_url, error) from error
