"""The fast lane answers and refuses as the application does, on real connections."""

import json
import socket

import httptools
import httpx2
import pytest

from marquee_reranker.admission import Admission, RefusedError

ASKED = {"tmdb_ids": [1001, 1004]}


def raw_request(body, *headers):
    lines = ["POST /v1/recommendations HTTP/1.1", "host: a", "x-request-id: abc", "content-type: application/json"]
    return "\r\n".join([*lines, f"content-length: {len(body)}", *headers, "", ""]).encode() + body


@pytest.fixture
def connect(make_app, run_app):
    """A server, and a connection to it that is read one answer at a time."""
    app = make_app(read_seconds=0.5)
    url = httpx2.URL(run_app(app))

    def ask():
        connection = socket.create_connection((url.host, url.port), timeout=60)

        def answer():
            seen = Seen()
            parse = httptools.HttpResponseParser(seen)
            while not seen.complete and (data := connection.recv(65536)):
                parse.feed_data(data)
            return parse.get_status_code(), seen.headers, seen.body

        return connection, answer

    return app, ask


class Seen:
    def __init__(self):
        self.headers, self.body, self.complete = {}, b"", False

    def on_header(self, name, value):
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.complete = True


def test_the_fast_lane_refuses_as_the_application_does(connect, monkeypatch):
    """The answer is the application's own; the connection goes on; slow bodies hold nothing."""
    app, ask = connect
    body = json.dumps(ASKED).encode()
    chunked = raw_request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    connection, answer = ask()

    def full(_):
        raise RefusedError("queue_full")

    with connection, monkeypatch.context() as patched:
        patched.setattr(Admission, "request", full)
        connection.sendall(chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))  # not for the fast lane
        status, headers, refused = answer()
        request = raw_request(body)
        connection.sendall(request[:-4])  # the answer is not sent before the request's end
        connection.sendall(request[-4:])
        early = answer()
        connection.sendall(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
        assert answer()[0] == 200
    assert status == early[0] == 503
    assert early[2] == refused
    assert headers.pop("date")
    assert early[1].pop("date")
    assert headers == early[1]
    metrics = app.state.telemetry.registry
    shown = {"route": "/v1/recommendations", "method": "POST", "status": "503", "model_version": ""}
    assert metrics.get_sample_value("marquee_requests_total", shown) == 2
    assert metrics.get_sample_value("marquee_shed_total", {"reason": "queue_full"}) == 2


def test_the_fast_lane_answers_as_the_application_does(connect):
    """Alone, several on one connection at once, on the last request of one, and where the application has to do it."""
    app, ask = connect
    entered, enter = [], app.state.fast_lane.enter
    app.state.fast_lane.enter = lambda *args: entered.append(1) or enter(*args)
    body = json.dumps(ASKED).encode()
    connection, answer = ask()
    with connection:
        connection.sendall(raw_request(body, "traceparent: x", "x-request-id: abc"))
        status, headers, fast = answer()
        chunked = raw_request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
        connection.sendall(chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        assert len(entered) == 1
        slow = answer()
        assert status == slow[0] == 200
        assert fast == slow[2]
        assert slow[1].pop("vary")  # the application may compress, which would take the fast lane too long
        headers.pop("date"), slow[1].pop("date")
        assert headers == slow[1]

        explained = json.dumps(ASKED | {"explain": True}).encode()
        wrong = json.dumps(ASKED | {"top_n": 0}).encode()
        for sent, expected in ((explained, 200), (wrong, 422), (body, 200)):
            connection.sendall(raw_request(sent))
            assert answer()[0] == expected
        connection.sendall(raw_request(body, "connection: close"))
        status, headers, _ = answer()
        assert (status, headers["connection"]) == (200, "close")
        assert not connection.recv(1)
    assert len(entered) == 5
    connection, _ = ask()
    with connection:
        connection.sendall(raw_request(body) + raw_request(explained) + raw_request(body)[:-4])
        connection.sendall(raw_request(body)[-4:] + raw_request(body, "connection: close"))
        seen = b""
        while data := connection.recv(65536):
            seen += data
    assert seen.count(b"HTTP/1.1 200 OK") == 4
    assert [b'"explanation"' in one for one in seen.split(b"HTTP/1.1 ")[1:]] == [False, True, False, False]
