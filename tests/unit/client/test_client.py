"""The client against a real server, and against one that refuses."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from marquee.api.contracts import Filters, RecommendationRequest
from marquee.api.ratings import RatingRow
from marquee.bundle import load, publish
from marquee.bundle.card import model_card
from marquee.client import ApiError, AsyncClient, Client, ServerUnavailable, Unreachable
from marquee.errors import MarqueeError, RequestError
from marquee.inspect_request import account
from marquee.pipeline import Pipeline
from marquee.retrieval.port import Where
from tests.unit.client.servers import served

CALLS = {
    "recommend": lambda client: client.recommend(tmdb_ids=[1001, 1004], top_n=3),
    "recommend to several": lambda client: client.recommend(people=[{"tmdb_ids": [1001]}, {"movie_ids": [4]}]),
    "explain": lambda client: client.explain(tmdb_ids=[1001, 1004], top_n=3),
    "resolve": lambda client: client.resolve([{"title": "Film 1"}, RatingRow(title="Film 2", stars=3)]),
    "search": lambda client: client.search("film 1", limit=3),
    "movie": lambda client: client.movie(4),
    "similar": lambda client: client.similar(4, top_n=3),
    "movie by an own id": lambda client: client.movie("4"),
    "similar by an own id": lambda client: client.similar("4", top_n=3),
    "sample": lambda client: client.sample(n=3, seed=7, genre="Horror"),
    "understand": lambda client: client.understand("like Film 1, no horror"),
    "model": lambda client: client.model(),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory, make_contents):
    path = tmp_path_factory.mktemp("client") / "store"
    publish(path, make_contents(), force=True)
    return path


@pytest.fixture(scope="module")
def url(store) -> Iterator[str]:
    with served(store) as address:
        yield address


@pytest.mark.parametrize("name", CALLS)
def test_both_clients_say_the_same(url, name):
    async def ask():
        async with AsyncClient(url) as client:
            return await CALLS[name](client)

    with Client(url) as client:
        answers = [CALLS[name](client), asyncio.run(ask())]
    if name in {"recommend", "recommend to several", "explain"}:  # each request has an id of its own
        answers = [answer.model_copy(update={"request_id": ""}) for answer in answers]
    assert answers[0] == answers[1]


def test_answers_are_the_contracts_of_the_core(url, store):
    pipeline = Pipeline(load(store))
    request = RecommendationRequest(tmdb_ids=[1001, 1004], top_n=3, explain=True)
    with Client(url) as client:
        answer = client.recommend(request)
        assert answer == pipeline.recommend(request, request_id=answer.request_id)
        told = client.explain(request)
        assert told == account(pipeline, request, request_id=told.request_id)
        assert client.search("film 1", 3) == pipeline.films.search("film 1", 3)
        assert client.similar(4) == client.similar("4") == pipeline.films.similar(4, 10)
        assert client.movie("4") == client.movie(4)
        comedies = Filters(genres_any=["Comedy", "Drama"], year_min=1980)
        assert client.similar(4, filters=comedies) == pipeline.films.similar(4, 10, Where.of(comedies))
        both = {"genre": {"all": ["Comedy"], "none": ["Horror"]}, "year": {"min": 1960, "max": 2010.5}}
        filters = Filters.model_validate({"columns": both})
        assert client.similar(4, filters=filters) == pipeline.films.similar(4, 10, Where.of(filters)) != []
        rules = {"boost": [{"columns": {"genre": "Drama"}, "by": 2}], "pin": [{"movie_id": 40, "position": 2}]}
        answer = client.recommend(tmdb_ids=[1001], filters={"columns": both}, max_per={"year": 1}, **rules, top_n=3)
        assert [film.movie_id for film in answer.recommendations] == [
            film.movie_id
            for film in pipeline.recommend(
                RecommendationRequest.model_validate(
                    {"tmdb_ids": [1001], "filters": {"columns": both}, "max_per": {"year": 1}, "top_n": 3, **rules}
                )
            ).recommendations
        ]
        assert client.movie(4) == pipeline.films.details(4)
        assert client.model() == model_card(pipeline.bundle.manifest)
        assert client.sample(seed=7) == client.sample(seed=7)
        wish = client.understand("like Film 1, no horror")
        assert wish == pipeline.films.reader.read("like Film 1, no horror")
        assert client.recommend(**wish.request.model_dump(), top_n=1).recommendations


def test_a_problem_is_raised_with_all_it_says(url):
    with Client(url, headers={"X-Request-ID": "mine"}) as client, pytest.raises(ApiError) as raised:
        client.movie(2)
    error = raised.value
    assert isinstance(error, MarqueeError)
    assert (error.status, error.code, error.request_id) == (404, "unknown_movie", "mine")
    assert error.detail == "no film has the MovieLens id 2: search with /v1/movies?q="
    assert (error.message, error.fix) == ("no film has the MovieLens id 2", "search with /v1/movies?q=")


def test_invalid_fields_are_named(url):
    with Client(url) as client:
        with pytest.raises(ApiError) as raised:
            client.search("film", limit=99)
        assert (raised.value.code, raised.value.errors[0]["field"]) == ("invalid_field", "limit")
        with pytest.raises(RequestError, match=r"topn: there is no such field; did you mean top_n\?"):
            client.recommend(tmdb_ids=[1], topn=5)
        with pytest.raises(RequestError, match="body: give at least one film"):
            client.recommend(top_n=5)


def test_nobody_there():
    with Client("http://127.0.0.1:9", timeout=2) as client, pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        client.model()


class Refusing(BaseHTTPRequestHandler):
    """Says what `server.answers` has, one after the other; the last one for ever."""

    def do_GET(self) -> None:
        answers = self.server.answers  # type: ignore[attr-defined]
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))  # type: ignore[attr-defined]
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.asked = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


OVERLOADED = json.dumps({"code": "overloaded", "title": "", "status": 503, "detail": "too much: come back"}).encode()
FOUND = b'{"movies": [], "model_version": "v1", "of_a_newer_server": 1}'


def ask(server, how):
    address = f"http://127.0.0.1:{server.server_address[1]}"
    if how == "blocking":
        with Client(address) as client:
            return client.search("film")

    async def wait():
        async with AsyncClient(address) as client:
            return await client.search("film")

    return asyncio.run(wait())


@pytest.mark.parametrize("how", ["blocking", "asyncio"])
def test_503_is_asked_again_once(refusing, how):
    refusing.answers = [(503, {"Retry-After": "0"}, OVERLOADED), (200, {}, FOUND)]
    assert ask(refusing, how) == []  # and what a newer server adds does no harm
    assert refusing.asked == 2


@pytest.mark.parametrize("how", ["blocking", "asyncio"])
def test_503_twice_is_raised(refusing, how):
    refusing.answers = [(503, {"Retry-After": "0"}, OVERLOADED)]
    with pytest.raises(ServerUnavailable, match="too much") as raised:
        ask(refusing, how)
    assert (refusing.asked, raised.value.code) == (2, "overloaded")


@pytest.mark.parametrize(
    ("status", "headers"), [(503, {}), (503, {"Retry-After": "3600"}), (503, {"Retry-After": "soon"}), (500, {})]
)
def test_other_errors_are_not_asked_again(refusing, status, headers):
    refusing.answers = [(status, headers, b"<h1>Bad gateway</h1>")]
    with pytest.raises(ApiError, match="no problem of Marquee's") as raised:
        ask(refusing, "blocking")
    assert (refusing.asked, raised.value.status, raised.value.code) == (1, status, "")


def test_what_is_not_marquee_is_told_apart(refusing):
    refusing.answers = [(200, {}, b'{"hello": 1}')]
    with pytest.raises(ApiError, match="not Marquee's"):
        ask(refusing, "blocking")
