"""What the re-ranker does when retrieval fails: real processes that are killed, stopped, slow or mad."""

import os
import signal
import time

import httpx2
import pytest

from marquee.bundle import load
from tests.contract.conftest import until

# The deadline of 250 ms and the re-ranker's own work. Machines under test are busy: the median has to keep it.
PROMISED = 0.3
ASKED = {"tmdb_ids": [1001, 1004, 1007], "top_n": 10}


class Person:
    """Asks the re-ranker, and remembers."""

    def __init__(self, url):
        self._client = httpx2.Client(base_url=url, timeout=10)
        self.seconds = []

    def ask(self):
        started = time.perf_counter()
        answer = self._client.post("/recommend", json=ASKED)
        self.seconds.append(time.perf_counter() - started)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["recommendations"]) == 10
        assert body["served_by"] == ("item_cf" if body["degraded"] else "two_tower")
        return body["degraded"]

    def wait_for(self, wanted, seconds=60):
        """Ask until the answer is degraded for one of the wanted reasons; [] wants none."""
        deadline = time.monotonic() + seconds
        while (found := self.ask()) not in wanted:
            assert time.monotonic() < deadline, found
            time.sleep(0.02)

    def close(self):
        self._client.close()

    def median(self):
        return sorted(self.seconds)[len(self.seconds) // 2]


@pytest.fixture
def person(start, shared_store):
    """`person(url of retrieval, **settings) -> Person` in front of a re-ranker."""

    people = []

    def make(retrieval_url, **settings):
        people.append(Person(start("reranker", shared_store, retrieval_url=retrieval_url, **settings).url))
        return people[-1]

    yield make
    for someone in people:
        someone.close()


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_all_is_well(server, person, protocol):
    someone = person(server.url, retrieval_protocol=protocol, retrieval_seconds=5)
    assert [someone.ask() for _ in range(20)] == [[]] * 20


def test_a_killed_worker_and_back(start, person, shared_store):
    torchserve = start("torchserve", shared_store)
    someone = person(torchserve.url)
    someone.wait_for([[]])
    (worker,) = torchserve.children()
    os.kill(worker, signal.SIGKILL)
    someone.seconds.clear()
    someone.wait_for([["retrieval_error"], ["retrieval_not_ready"], ["retrieval_timeout"], ["retrieval_circuit_open"]])
    someone.wait_for([[]])  # TorchServe starts another worker, and the breaker finds out
    assert torchserve.children() != [worker]
    assert someone.median() < PROMISED


@pytest.mark.parametrize("kind", ["torchserve", "kserve"])
def test_a_hung_server_and_back(start, person, shared_store, kind):
    hung = start(kind, shared_store)
    someone = person(hung.url)
    someone.wait_for([[]])
    hung.send(signal.SIGSTOP)
    someone.seconds.clear()
    someone.wait_for([["retrieval_timeout"]])
    someone.wait_for([["retrieval_circuit_open"]])
    assert someone.median() < PROMISED
    hung.send(signal.SIGCONT)
    someone.wait_for([[]])


def test_a_refused_connection_and_back(start, person, shared_store):
    first = start("kserve", shared_store)
    someone = person(first.url)
    someone.wait_for([[]])
    first.stop()
    someone.seconds.clear()
    someone.wait_for([["retrieval_refused"], ["retrieval_connection_lost"]])
    someone.wait_for([["retrieval_circuit_open"]])
    assert someone.median() < PROMISED
    start("kserve", shared_store, port=first.port)
    someone.wait_for([[]])


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
def test_a_mad_server(start, person, shared_store, mode, reason):
    faulty = start("faulty", shared_store, mode)
    someone = person(faulty.url, retrieval_protocol="v1")
    someone.seconds.clear()
    someone.wait_for([[f"retrieval_{reason}"]])
    someone.wait_for([["retrieval_circuit_open"]])
    assert someone.median() < PROMISED


def test_a_server_that_refuses_our_requests_is_asked_again(start, person, shared_store):
    """A rejected request says nothing against the server: the breaker stays closed."""
    someone = person(start("faulty", shared_store, "400").url)
    assert [someone.ask() for _ in range(20)] == [["retrieval_rejected"]] * 20


def test_an_address_without_a_name(person):
    someone = person("http://two-tower.invalid")
    someone.wait_for([["retrieval_refused"], ["retrieval_timeout"]])
    someone.wait_for([["retrieval_circuit_open"]])


def test_ids_go_along_and_calls_are_counted(start, shared_store):
    torchserve = start("torchserve", shared_store)
    reranker = start("reranker", shared_store, retrieval_url=torchserve.url, retrieval_seconds=5, log_format="json")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-ID": "mine", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = httpx2.post(f"{reranker.url}/recommend", json=ASKED, headers=headers, timeout=10)
    assert answer.json()["model_version"] == load(shared_store).version
    until(lambda: '"request_id": "mine"' in reranker.log.read_text())  # written once the answer is out
    assert f'"trace_id": "{trace}"' in reranker.log.read_text()
    assert reranker.metric("marquee_retrieval_calls_total") >= 2  # the warm-up is one
