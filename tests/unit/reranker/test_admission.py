"""Admission, on a real server with real connections. A gate holds the work up, so that nothing depends on timing."""

import asyncio
import threading
from collections import Counter

import httpx2
import pytest

from marquee.retrieval.exact import ExactSearch
from marquee_reranker.admission import INTERVAL_SECONDS, LEAST, WINDOW, Admission, RefusedError

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


def test_what_exceeds_the_places_is_refused_at_once(flood):
    url, answers, value = flood(
        lambda value: value("marquee_shed_total", reason="queue_full") >= N - 4, max_inflight=4, max_queue=0
    )
    assert Counter(answer.status_code for answer in answers) == {200: 4, 503: N - 4}
    for answer in answers:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "overloaded"
    assert value("marquee_shed_total", reason="queue_timeout") == 0
    assert value("marquee_requests_total", route="/recommend", method="POST", status="503", model_version="") == N - 4
    assert httpx2.post(f"{url}/recommend", json=ASKED).status_code == 200  # as if nothing had been


def test_what_waits_too_long_is_refused(flood):
    _, answers, value = flood(
        lambda value: value("marquee_shed_total", reason="queue_timeout") >= N - 4,
        max_inflight=4,
        max_queue=N,
        queue_seconds=0.05,
    )
    assert Counter(answer.status_code for answer in answers) == {200: 4, 503: N - 4}
    assert value("marquee_shed_total", reason="queue_full") == 0


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def pass_time(clock, admission, seconds):
    """Let time pass in which the process isn't held up."""
    for _ in range(round(seconds * 100)):
        clock.now += 0.01
        assert admission.is_overloaded in {True, False}


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def clock():
    return Clock()


def test_places_are_given_in_order_of_arrival(clock):
    async def run():
        admission = Admission(1, max_queue=9, queue_seconds=1, clock=clock)
        entered, order = await admission.enter(), []

        async def wait(name):
            order.append((name, await admission.enter()))

        tasks = [asyncio.ensure_future(wait(name)) for name in "abc"]
        await settle()
        assert not order
        for _ in tasks:
            admission.leave(entered)
            await settle()
        assert [name for name, _ in order] == ["a", "b", "c"]
        admission.leave(entered)
        assert admission.in_progress == 0

    asyncio.run(run())


def test_who_goes_away_while_waiting_takes_no_place(clock):
    async def run():
        admission = Admission(1, max_queue=9, queue_seconds=1, clock=clock)
        entered = await admission.enter()
        gone, admitted = (asyncio.ensure_future(admission.enter()) for _ in range(2))
        await settle()
        gone.cancel()
        await settle()
        admission.leave(entered)
        await settle()
        assert admitted.done()
        late = asyncio.ensure_future(admission.enter())
        await settle()
        admission.leave(entered)
        late.cancel()  # in the same round in which it gets its place
        await settle()
        assert late.cancelled()
        assert admission.in_progress == 0

    asyncio.run(run())


@pytest.mark.parametrize(("seconds", "longest"), [(60, 50), (0.02, 20)])
def test_a_burst_may_wait_and_a_standing_queue_may_not(clock, seconds, longest):
    """Milliseconds that a request may wait: at first as set, later, if none got its place at once, a few."""

    async def waits(admission, entered, ms):
        request = asyncio.ensure_future(admission.enter())
        await settle()
        clock.now += ms / 1e3
        admission.leave(entered)
        await settle()
        if request.exception():
            assert request.exception().reason == "queue_timeout"
            entered = await admission.enter()
            return entered, False
        return request.result(), True

    async def run():
        admission = Admission(1, max_queue=9, queue_seconds=seconds, clock=clock)
        entered = await admission.enter()
        entered, admitted = await waits(admission, entered, longest - 1)
        assert admitted
        # Another one is behind it, so that the queue isn't empty in between.
        behind = [asyncio.ensure_future(admission.enter()) for _ in range(4)]
        await settle()
        pass_time(clock, admission, INTERVAL_SECONDS + 0.01)
        admission.leave(entered)
        await settle()
        assert [one.exception().reason for one in behind] == ["queue_timeout"] * 4
        entered, admitted = await waits(admission, await admission.enter(), longest - 1)
        assert not admitted  # it was empty, but that is no proof
        admission.leave(entered)
        pass_time(clock, admission, INTERVAL_SECONDS + 0.01)
        entered, admitted = await waits(admission, await admission.enter(), longest - 1)
        assert admitted

    asyncio.run(run())


def test_who_would_wait_in_vain_is_refused_at_once(clock):
    async def run():
        admission = Admission(1, max_queue=99, queue_seconds=1, clock=clock)
        entered = await admission.enter()
        first = [asyncio.ensure_future(admission.enter()) for _ in range(WINDOW)]
        await settle()
        for _ in first:  # each takes 1.5 ms, so that the last one waits for 75
            clock.now += 0.0015
            admission.leave(entered)
            await settle()
            entered = clock.now
        waiting = [asyncio.ensure_future(admission.enter()) for _ in range(9)]
        await settle()
        assert not admission.is_overloaded  # a burst
        pass_time(clock, admission, INTERVAL_SECONDS + 0.01)
        assert admission.is_overloaded
        with pytest.raises(RefusedError, match="queue_full"):
            await admission.enter()
        for one in waiting:
            one.cancel()
        await settle()
        admission.leave(entered)
        assert not admission.is_overloaded
        assert admission.n_present == 0

    asyncio.run(run())


def test_time_in_which_the_process_is_held_up_is_no_load(clock):
    async def run():
        admission = Admission(1, max_queue=9, queue_seconds=100, clock=clock)
        entered = await admission.enter()
        waiting = [asyncio.ensure_future(admission.enter()) for _ in range(4)]
        await settle()
        clock.now += 60  # a bundle loads, or the machine stands still
        for one in waiting:
            assert not admission.is_overloaded
            admission.leave(entered)
            await settle()
            entered = one.result()
        admission.leave(entered)
        assert admission.n_present == 0

    asyncio.run(run())


def test_the_limit_follows_the_latency(clock):
    async def serve(admission, n, ms):
        for _ in range(n):
            each = [await admission.enter() for _ in range(admission.limit)]
            waiting = asyncio.ensure_future(admission.enter())
            await settle()
            clock.now += ms / 1e3
            for entered in each:
                admission.leave(entered)
            await settle()
            if not waiting.exception():
                admission.leave(waiting.result())

    async def run():
        admission = Admission(32, max_queue=9, queue_seconds=1, clock=clock)
        await serve(admission, 3 * WINDOW, 2)
        assert admission.limit == 32
        await serve(admission, 20 * WINDOW, 50)  # more in progress only slow each other down
        assert admission.limit == LEAST
        await serve(admission, 40 * WINDOW, 2)
        assert admission.limit == 32

    asyncio.run(run())


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
