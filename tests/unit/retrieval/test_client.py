"""The HTTP client, against small servers in threads. What whole processes do to it is in tests/contract."""

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from marquee.api.request_context import RequestContext, request_context
from marquee.errors import RetrievalUnavailable
from marquee.retrieval.http import RetrievalClient
from marquee.retrieval.port import Candidates, Query, Where
from marquee.retrieval.remote import CircuitBreaker
from marquee.retrieval.wire import parse_request, render_v1

FOUND = Candidates(np.array([7, 4]), np.array([0.5, 0.25], dtype=np.float32), "v1")
QUERY = Query((1,), 10)


class Server:
    """Answers every call with FOUND, and notes paths, headers and connections."""

    def __init__(self):
        self.seen, self.connections, self.before_answer = [], set(), lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.connections.add(self.client_address)
                outer.seen.append((self.path, dict(self.headers), body))
                outer.before_answer()
                _, _, render = parse_request(body)
                answer, headers = render([FOUND]).encode()
                self.send_response(200)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=[0.01])
        self._thread.start()

    def stop(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server():
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def make_client():
    made = []

    def make(url, **arguments):
        made.append(RetrievalClient(url, **{"seconds": 60, "connect_seconds": 60, **arguments}))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.mark.parametrize(
    ("protocol", "path"), [("v1", "/v1/models/two_tower:predict"), ("v2", "/v2/models/two_tower/infer")]
)
def test_it_asks_and_reads(server, make_client, protocol, path):
    found = (
        make_client(server.url, protocol=protocol).retriever("v1").candidates([1, 2], 10, Where(genres_any=("Drama",)))
    )
    assert found.movie_ids.tolist() == [7, 4]
    assert found.scores.tolist() == [0.5, 0.25]
    assert found.model_version == "v1"
    seen_path, _, body = server.seen[0]
    assert seen_path == path
    queries, version, _ = parse_request(body)
    assert queries == [Query((1, 2), 10, Where(genres_any=("Drama",)))]
    assert version == "v1"


def test_ids_of_the_request_go_along(server, make_client):
    token = request_context.set(RequestContext("abc", "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "vendor=1"))
    make_client(server.url).candidates(QUERY, "v1")
    request_context.reset(token)
    make_client(server.url).candidates(QUERY, "v1")
    first, second = (headers for _, headers, _ in server.seen)
    assert first["X-Request-ID"] == "abc"
    assert first["traceparent"].endswith("-01")
    assert first["tracestate"] == "vendor=1"
    assert not {"X-Request-ID", "traceparent", "tracestate"} & set(second)


def test_connections_are_kept_but_not_for_ever(server, make_client):
    client = make_client(server.url, connection_seconds=3600)
    for _ in range(5):
        client.candidates(QUERY, "v1")
    assert len(server.connections) == 1
    client = make_client(server.url, connection_seconds=1e-9)
    for _ in range(5):
        client.candidates(QUERY, "v1")
    assert len(server.connections) == 6


@pytest.fixture
def listen():
    """`listen(serve) -> (url, accepted)`: `serve` is called with each accepted connection."""
    listeners = []

    def start(serve):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        accepted = []

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                accepted.append(connection)
                with connection, suppress(OSError):
                    serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}", accepted

    yield start
    for listener in listeners:
        listener.close()


def test_a_kept_connection_that_the_server_closed_costs_no_answer(make_client, listen):
    """One answer per connection, and the second request on it is cut: the client asks again on a new one."""

    def serve(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER))
        connection.recv(65536)  # the second request: no answer

    url, accepted = listen(serve)
    client = make_client(url, protocol="v1")
    for _ in range(4):
        assert client.candidates(QUERY, "v1").movie_ids.tolist() == [7, 4]
    client.close()
    assert len(accepted) == 4


ANSWER = render_v1([FOUND]).text()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(ANSWER), ANSWER)


@pytest.mark.parametrize(
    ("answer", "result", "attempts"),
    [
        (CHUNKED, "ok", 1),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED, "ok", 1),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER), "ok", 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{", "connection_lost", 1),  # it had begun: no retry
        (b"HTTP/1.1 200 OK\r\nContent-Le", "connection_lost", 2),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "connection_lost", 2),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b" " * 5_000_000, "bad_answer", 1),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "error", 1),
    ],
)
def test_answers_of_all_kinds(make_client, listen, answer, result, attempts):
    def serve(connection):
        connection.recv(65536)
        connection.sendall(answer)

    url, accepted = listen(serve)
    results = []
    client = make_client(url, protocol="v1", on_result=lambda one, _: results.append(one))
    with suppress(RetrievalUnavailable):
        assert client.candidates(QUERY, "v1").movie_ids.tolist() == [7, 4]
    assert (results, len(accepted)) == ([result], attempts)


def test_one_retry_at_most(make_client, listen):
    url, accepted = listen(lambda _: None)
    results = []
    client = make_client(url, on_result=lambda result, _: results.append(result))
    with pytest.raises(RetrievalUnavailable) as raised:
        client.candidates(QUERY, "v1")
    assert raised.value.reason == "connection_lost"
    assert results == ["connection_lost"]
    assert len(accepted) == 2


def test_a_slow_answer_ends_at_the_deadline_and_the_breaker_opens(server, make_client):
    gate = threading.Event()
    server.before_answer = lambda: gate.wait(60)
    breaker = CircuitBreaker(failures=2, pause=60)
    client = make_client(server.url, seconds=0.05, breaker=breaker)
    reasons = []
    for _ in range(4):
        with pytest.raises(RetrievalUnavailable) as raised:
            client.candidates(QUERY, "v1")
        reasons.append(raised.value.reason)
    gate.set()  # only now: no call waited for its answer
    assert reasons == ["timeout", "timeout", "circuit_open", "circuit_open"]
    assert client.is_open


def test_no_more_calls_at_once_than_workers(server, make_client):
    gate, arrived = threading.Event(), threading.Event()
    server.before_answer = lambda: (arrived.set(), gate.wait(60))
    client = make_client(server.url, workers=1)
    first = threading.Thread(target=client.candidates, args=[QUERY, "v1"])
    first.start()
    assert arrived.wait(60)
    with pytest.raises(RetrievalUnavailable) as raised:
        client.candidates(QUERY, "v1")
    gate.set()
    first.join()
    assert raised.value.reason == "busy"


def test_https_is_spoken_where_the_address_says_so(make_client):
    client = make_client("https://127.0.0.1:1", connect_seconds=0.2)
    with pytest.raises(RetrievalUnavailable) as raised:
        client.candidates(QUERY, "v1")
    assert raised.value.reason == "refused"
