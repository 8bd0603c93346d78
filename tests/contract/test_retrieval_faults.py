"""What the re-ranker does when retrieval fails: servers that are killed, stopped, slow or misbehave.

A hung server hangs until the test is over, so an answer that says "timeout" shows that the deadline was kept.
"""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2
import pytest
from fastapi.testclient import TestClient

from marquee.retrieval.http import RetrievalClient
from marquee.settings import Settings
from marquee_reranker.app import create_app
from tests.contract.conftest import only_torchserve
from tests.waiting import until

ASKED = {"tmdb_ids": [1001, 1004, 1007], "top_n": 10}


class Person:
    """Asks a re-ranker in process."""

    def __init__(self, client, threads):
        self._client, self._threads = client, threads

    def ask(self):
        """The reasons why the answer is degraded; [] for none."""
        answer = self._threads.submit(self._client.post, "/recommend", json=ASKED).result(120)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["recommendations"]) == 10
        assert body["served_by"] == ("item_cf" if body["degraded"] else "two_tower")
        return body["degraded"]

    def wait_for(self, *reasons):
        """Ask until the answer is degraded for one of these reasons; without any, until it isn't."""
        wanted = [[f"retrieval_{reason}"] for reason in reasons] or [[]]
        until(lambda: self.ask() in wanted, what=f"an answer with {wanted}", every=0.02)


@pytest.fixture
def person(shared_store):
    """`person(url of retrieval, store=shared_store, **arguments of RetrievalClient) -> Person`."""
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(1))

        def make(url, store=shared_store, **arguments):
            client = RetrievalClient(url, **arguments)
            stack.callback(client.close)
            app = create_app(Settings(artifacts=store), make_retriever=lambda bundle: client.retriever(bundle.version))
            return Person(stack.enter_context(TestClient(app)), threads)

        yield make


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_all_is_well(server, person, protocol):
    someone = person(server.url, server.store, protocol=protocol, seconds=60)
    assert [someone.ask() for _ in range(20)] == [[]] * 20


@only_torchserve
def test_a_killed_worker_and_back(server, person):
    someone = person(server.url, server.store)
    someone.wait_for()
    (worker,) = server.children()
    os.kill(worker, signal.SIGKILL)
    someone.wait_for("error", "not_ready", "timeout", "circuit_open")
    someone.wait_for()  # TorchServe starts another worker, and the breaker finds out
    assert server.children() != [worker]


def test_a_hung_server_and_back(server, person):
    someone = person(server.url, server.store)
    someone.wait_for()
    server.send(signal.SIGSTOP)
    try:
        someone.wait_for("timeout")
        someone.wait_for("circuit_open")
    finally:
        server.send(signal.SIGCONT)
    someone.wait_for()


def test_a_refused_connection_and_back(person, faulty, shared_store):
    first = faulty("healthy", shared_store)
    someone = person(first.url, seconds=20, connect_seconds=20)  # else a busy machine's timeouts keep the breaker open
    someone.wait_for()
    first.stop()
    someone.wait_for("refused", "connection_lost")
    someone.wait_for("circuit_open")
    faulty("healthy", shared_store, port=first.port)
    someone.wait_for()


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("garbage", "bad_answer"),
        ("wrong", "bad_answer"),
        ("nan", "bad_answer"),
        ("list", "bad_answer"),
        ("endless", "bad_answer"),
        ("slow", "timeout"),
        ("drip", "timeout"),
        ("hangup", "connection_lost"),
        ("500", "error"),
        ("503", "not_ready"),
        ("404", "not_ready"),
        ("302", "error"),
    ],
)
def test_a_server_that_misbehaves(person, faulty, mode, reason):
    someone = person(faulty(mode).url, protocol="v1")
    someone.wait_for(reason)
    someone.wait_for("circuit_open")


def test_a_server_that_refuses_our_requests_is_asked_again(person, faulty):
    """A rejected request says nothing against the server: the breaker stays closed."""
    someone = person(faulty("400").url, seconds=60)
    assert [someone.ask() for _ in range(20)] == [["retrieval_rejected"]] * 20


def test_an_address_without_a_name(person):
    someone = person("http://two-tower.invalid")
    someone.wait_for("refused", "timeout")
    someone.wait_for("circuit_open")


@only_torchserve
def test_ids_go_along_and_calls_are_counted(start, server):
    reranker = start(server.store, retrieval_url=server.url, retrieval_seconds=60, log_format="json")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-ID": "mine", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = httpx2.post(f"{reranker.url}/recommend", json=ASKED, headers=headers, timeout=60)
    assert answer.json()["model_version"] == server.bundle.version
    until(lambda: '"request_id": "mine"' in reranker.log.read_text())  # written once the answer is out
    assert f'"trace_id": "{trace}"' in reranker.log.read_text()
    assert reranker.metric("marquee_retrieval_calls_total") >= 2  # the warm-up is one
