"""Admission, on a real server with real connections. A gate holds the work up, so that nothing depends on timing."""

import asyncio
import threading
from collections import Counter

import httpx2
import pytest

from marquee.retrieval.exact import ExactSearch

N = 200
ASKED = {"tmdb_ids": [1001, 1004]}


class Gated:
    """A retriever that answers once the gate is open."""

    def __init__(self, bundle, gate):
        self._inner = ExactSearch(bundle)
        self._gate = gate

    def candidates(self, seed_movie_ids, k, where):
        assert self._gate.wait(300)
        return self._inner.candidates(seed_movie_ids, k, where)


@pytest.fixture
def gate():
    gate = threading.Event()
    gate.set()  # open for the warm-up
    yield gate
    gate.set()


@pytest.fixture
def flood(make_app, run_app, gate, until):
    """`flood(when, **settings)`: 200 requests at a closed gate, that opens when `when(metrics)` says so."""

    def run(when, **settings):
        app = make_app(make_retriever=lambda bundle: Gated(bundle, gate), **settings)
        url = run_app(app)
        gate.clear()

        def value(name, **labels):
            return app.state.telemetry.registry.get_sample_value(name, labels) or 0

        probes = []

        def open_the_gate():
            until(lambda: when(value))
            probes.extend(httpx2.get(f"{url}{path}", timeout=60).status_code for path in ("/livez", "/readyz"))
            gate.set()

        opener = threading.Thread(target=open_the_gate)
        opener.start()
        answers = asyncio.run(_post_all(url))
        opener.join(300)
        assert probes == [200, 200]  # answered while every slot was taken
        assert value("marquee_inflight") == 0
        return url, answers, value

    return run


async def _post_all(url):
    limits = httpx2.Limits(max_connections=N)
    async with httpx2.AsyncClient(timeout=300, limits=limits) as client:
        return await asyncio.gather(*(client.post(f"{url}/recommend", json=ASKED) for _ in range(N)))


def check_shed(answers):
    for answer in answers:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "overloaded"


def test_what_exceeds_slots_and_queue_is_shed_at_once(flood):
    url, answers, value = flood(
        lambda value: value("marquee_shed_total", reason="queue_full") >= N - 12,
        max_inflight=4,
        max_queue=8,
        queue_seconds=60,
    )
    assert Counter(answer.status_code for answer in answers) == {200: 12, 503: N - 12}
    check_shed(answers)
    assert value("marquee_shed_total", reason="queue_full") == N - 12
    assert value("marquee_shed_total", reason="queue_timeout") == 0
    assert value("marquee_requests_total", route="/recommend", method="POST", status="503", model_version="") == N - 12
    assert httpx2.post(f"{url}/recommend", json=ASKED).status_code == 200  # as if nothing had been


def test_what_waits_too_long_is_shed(flood):
    _, answers, value = flood(
        lambda value: value("marquee_shed_total", reason="queue_timeout") >= N - 4,
        max_inflight=4,
        max_queue=N,
        queue_seconds=0.05,
    )
    assert Counter(answer.status_code for answer in answers) == {200: 4, 503: N - 4}
    check_shed(answers)
    assert value("marquee_shed_total", reason="queue_full") == 0


def test_slow_senders_take_no_slot(make_app, run_app):
    url = run_app(make_app(max_inflight=1, max_queue=0))
    host, port = url.removeprefix("http://").split(":")

    async def run():
        slow = []
        for _ in range(20):
            reader, writer = await asyncio.open_connection(host, int(port))
            head = "POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
            writer.write(f"{head}Content-Length: 20\r\n\r\n".encode())
            assert b" 100 " in await reader.readline()  # the server waits for the body now
            slow.append((reader, writer))
        async with httpx2.AsyncClient() as client:
            assert (await client.post(f"{url}/recommend", json=ASKED)).status_code == 200
        for reader, writer in slow:
            await reader.readline()
            writer.write(b'{"tmdb_ids": [1001]}')
            assert b" 200 " in await reader.readline()
            writer.close()
            await writer.wait_closed()

    asyncio.run(run())
