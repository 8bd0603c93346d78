"""`GET /v1/posters/{movie_id}` against a real server in TMDB's place."""

import asyncio
import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from marquee.bundle import publish
from marquee.retrieval.remote import CircuitBreaker
from marquee_reranker.posters.fetch import OVERHEAD, Posters, poster_cache
from marquee_reranker.posters.tmdb import Poster, Tmdb
from tests.unit.reranker.tmdb_server import JPEG, TmdbServer

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def tmdb():
    server = TmdbServer()
    yield server
    server.close()


@pytest.fixture
def client(make_app, tmdb):
    app = make_app(tmdb_key=f"{KEY}\n", tmdb_url=tmdb.url, tmdb_image_url=tmdb.url)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def make_posters(tmdb):
    """`make_posters(**arguments) -> (posters, results)`."""
    made = []

    def make(**arguments):
        results = []
        posters = Posters(Tmdb(KEY, url=tmdb.url, image_url=tmdb.url), on_result=results.append, **arguments)
        made.append(posters)
        return posters, results

    yield make
    for posters in made:
        posters.close()


def ask(posters, *tmdb_ids):
    async def all_at_once():
        return await asyncio.gather(*(posters.get(tmdb_id) for tmdb_id in tmdb_ids))

    return asyncio.run(all_at_once())


def test_without_a_key_there_are_none(make_app):
    with TestClient(make_app()) as client:
        answer = client.get("/v1/posters/1")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert "MARQUEE_TMDB_KEY" in answer.json()["detail"]
        assert '"posters": false' in client.get("/").text


def test_a_poster_is_fetched_once(client, tmdb):
    first, second = client.get("/v1/posters/4"), client.get("/v1/posters/4")
    for answer in (first, second):
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, JPEG, "image/jpeg")
        assert answer.headers["cache-control"] == "private, max-age=86400"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert tmdb.count == {"/3/movie/1004": 1, "/t/p/w342/film-1004.jpg": 1}
    assert '"posters": true' in client.get("/").text
    value = client.app.state.telemetry.registry.get_sample_value
    assert value("marquee_posters_total", {"result": "fetched"}) == 1
    assert value("marquee_posters_total", {"result": "kept"}) == 1


def test_that_there_is_none_is_remembered(client, tmdb):
    tmdb.films[1004] = (404, {})
    answers = [client.get("/v1/posters/4") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].headers["cache-control"] == "no-store"
    assert "show a drawn one" in answers[0].json()["detail"]
    assert tmdb.count == {"/3/movie/1004": 1}


@pytest.mark.parametrize(("movie_id", "status"), [("2", 404), ("0", 422), ("x", 422)])
def test_films_that_dont_exist(client, tmdb, movie_id, status):
    answer = client.get(f"/v1/posters/{movie_id}")
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert tmdb.asked == []


def test_a_film_without_a_tmdb_id_asks_nobody(make_app, make_contents, tmdb, tmp_path):
    contents = make_contents()
    catalog = dataclasses.replace(contents.catalog, tmdb_ids=np.zeros_like(contents.catalog.tmdb_ids))
    publish(tmp_path / "plain", dataclasses.replace(contents, catalog=catalog), force=True)
    settings = {"tmdb_key": KEY, "tmdb_url": tmdb.url, "tmdb_image_url": tmdb.url}
    with TestClient(make_app(artifacts=tmp_path / "plain", **settings)) as client:
        assert client.get("/v1/posters/1").status_code == 404
    assert tmdb.asked == []


def test_the_key_is_in_no_answer_and_no_log_line(make_app, tmdb, json_logs):
    tmdb.films[1004] = (401, {"status_message": f"{KEY} is invalid"})
    tmdb.films[1007] = (500, {})
    app = make_app(tmdb_key=KEY, tmdb_url=tmdb.url, tmdb_image_url=tmdb.url, operator=True)
    with TestClient(app) as client:
        answers = [client.get(f"/v1/posters/{movie_id}") for movie_id in (4, 7, 10)]
        answers += [client.get(path) for path in ("/", "/openapi.json", "/v1/operations", "/v1/model")]
        tmdb.films[1013] = (200, KEY.encode())
        answers.append(client.get("/v1/posters/13"))
    assert [answer.status_code for answer in answers] == [404, 404, 200, 200, 200, 200, 200, 404]
    assert not any(KEY in answer.text or KEY in str(answer.headers) for answer in answers)
    lines = json_logs()
    assert KEY not in str(lines)
    told = [line["event"] for line in lines if line["event"].startswith("posters:")]
    assert told[0] == "posters: key_refused: HTTP 401: is MARQUEE_TMDB_KEY right?"
    assert KEY not in repr(app.state.settings)


def test_a_slow_tmdb_takes_no_slot_of_the_recommendations(make_app, run_app, tmdb, until):
    tmdb.may_answer.clear()
    settings = {"tmdb_key": KEY, "tmdb_url": tmdb.url, "tmdb_image_url": tmdb.url}
    app = make_app(max_inflight=1, max_queue=0, **settings)
    app.state.posters.seconds = 60.0  # none gives up while TMDB waits
    url = run_app(app)
    with ThreadPoolExecutor(8) as pool, httpx2.Client(base_url=url, timeout=60) as client:
        waiting = [pool.submit(httpx2.get, f"{url}/v1/posters/{movie_id}", timeout=60) for movie_id in range(1, 25, 3)]
        until(lambda: tmdb.asked)
        answers = [client.post("/recommend", json={"tmdb_ids": [1001]}) for _ in range(10)]
        assert not any(future.done() for future in waiting)
        tmdb.may_answer.set()
    assert {answer.status_code for answer in answers} == {200}


def test_the_same_film_is_asked_for_once(make_posters, tmdb):
    posters, results = make_posters()
    tmdb.delay = 0.1
    assert {poster.content for poster in ask(posters, 5, 5, 5, 5)} == {JPEG}
    assert tmdb.count["/3/movie/5"] == 1
    assert results == ["fetched"] * 4


def test_a_few_at_once_and_the_rest_waits(make_posters, tmdb):
    posters, results = make_posters(at_once=3)
    tmdb.delay = 0.02
    assert all(ask(posters, *range(1, 25)))
    assert tmdb.at_once <= 3
    assert results == ["fetched"] * 24


def test_more_than_may_wait_get_none_at_once(make_posters, tmdb):
    posters, results = make_posters(most=4)
    tmdb.delay = 0.05
    found = ask(posters, *range(1, 11))
    assert sum(poster is not None for poster in found) == 4
    assert sorted(results) == ["busy"] * 6 + ["fetched"] * 4
    assert posters._running == {}


def test_in_time_or_not_at_all(make_posters, tmdb):
    posters, results = make_posters(seconds=0.2, at_once=1)
    tmdb.delay = 0.6
    assert ask(posters, 1, 2, 3) == [None, None, None]
    assert results == ["timeout"] * 3
    assert not any(path.startswith("/t/") for path in tmdb.asked)


class Stuck:
    """A TMDB whose name can't be looked up: no timeout of a socket ends that."""

    def __init__(self):
        self.asked = []
        self.ends = threading.Event()

    def poster(self, tmdb_id, ends):
        self.asked.append(tmdb_id)
        self.ends.wait(30)

    def close(self):
        self.ends.set()


def test_only_calls_that_began_speak_against_tmdb():
    stuck, breaker = Stuck(), CircuitBreaker(failures=2, pause=60)
    posters = Posters(stuck, seconds=1.0, at_once=1, breaker=breaker)
    assert ask(posters, 1, 2, 3) == [None, None, None]
    assert stuck.asked == [1]
    assert not breaker.is_open
    assert set(posters._running) == {1}
    assert ask(posters, 1) == [None]  # waits for the same call, and gives up
    posters.close()


def test_while_tmdb_is_down_nobody_asks(make_posters, tmdb):
    now = [0.0]
    breaker = CircuitBreaker(failures=3, pause=10, clock=lambda: now[0])
    posters, results = make_posters(at_once=1, breaker=breaker)
    tmdb.films = dict.fromkeys(range(1, 9), (500, {}))
    ask(posters, *range(1, 9))
    assert results == ["error"] * 3 + ["circuit_open"] * 5
    assert len(tmdb.asked) == 3
    tmdb.films = {}
    now[0] = 11.0  # one trial finds that it is up again
    assert ask(posters, 1)[0].content == JPEG
    assert ask(posters, 2)[0].content == JPEG
    assert not breaker.is_open


def test_failures_are_not_remembered(make_posters, tmdb):
    cache = poster_cache()
    posters, _ = make_posters(cache=cache)
    tmdb.films[5] = (500, {})
    assert ask(posters, 5) == [None]
    assert len(cache) == 0
    del tmdb.films[5]
    assert ask(posters, 5)[0].content == JPEG


def test_after_the_end_there_are_none(make_posters, tmdb):
    posters, results = make_posters()
    posters.close()
    assert ask(posters, 5) == [None]
    assert (results, tmdb.asked) == (["error"], [])


def test_threads_are_few(make_posters, tmdb):
    posters, _ = make_posters(at_once=2)
    ask(posters, *range(1, 30))
    own = [thread for thread in threading.enumerate() if thread.name.startswith("posters")]
    assert 0 < len(own) <= 2


def test_posters_are_kept_for_a_week_and_misses_for_six_hours():
    now = [0.0]
    cache = poster_cache(timer=lambda: now[0])
    cache[1], cache[2] = Poster(b"12345", "image/png"), None
    assert cache.currsize == 5 + 2 * OVERHEAD
    now[0] = 6 * 3600 - 0.1
    assert (1 in cache, 2 in cache) == (True, True)
    now[0] = 6 * 3600
    assert (1 in cache, 2 in cache) == (True, False)
    now[0] = 7 * 24 * 3600
    assert 1 not in cache


def test_the_least_recently_used_poster_is_evicted():
    cache = poster_cache(3 * (OVERHEAD + 100))
    for tmdb_id in (1, 2, 3):
        cache[tmdb_id] = Poster(bytes(100), "image/png")
    assert cache[1]
    cache[4] = Poster(bytes(100), "image/png")
    assert [tmdb_id in cache for tmdb_id in (1, 2, 3, 4)] == [True, False, True, True]
