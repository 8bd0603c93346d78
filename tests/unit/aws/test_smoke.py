"""The smoke test against servers that misbehave."""

import json
import socketserver
import threading
from contextlib import contextmanager

import pytest

from aws.smoke import ATTEMPTS, smoke
from marquee.errors import MarqueeError

GOOD = {"served_by": "two_tower", "model_version": "v", "degraded": [], "recommendations": [{}] * 5}
PROBLEM = {"status": 422}


def written(status, body, length=None):
    raw = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {length or len(raw)}\r\nConnection: close\r\n\r\n"
    return head.encode() + raw


@contextmanager
def answering(answers):
    """A server that sends these bytes, one after the other, and the last again and again; (address, requests seen)."""
    seen = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            self.rfile.read(length)
            seen.append(1)
            self.wfile.write(answers[min(len(seen), len(answers)) - 1])

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


def test_what_is_right_passes():
    with answering([written(200, GOOD), written(422, PROBLEM)]) as (url, _):
        assert "recommends from the endpoint" in smoke(url, [1], "v", seconds=0.1)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({**GOOD, "degraded": ["version_skew"]}, "served by two_tower, degraded ['version_skew']"),
        ({**GOOD, "degraded": None}, "degraded None"),
        ({**GOOD, "model_version": "w"}, "bundle w"),
        ([1, 2], "is no JSON object"),
    ],
)
def test_what_proves_nothing(answer, complaint):
    with answering([written(200, answer)]) as (url, _), pytest.raises(MarqueeError) as caught:
        smoke(url, [1], "v", seconds=0.1)
    assert complaint in caught.value.message


@pytest.mark.parametrize(
    ("broken", "name"),
    [(b"", "RemoteDisconnected"), (b"garbage\r\n\r\n", "BadStatusLine"), (written(422, {}, 99), "IncompleteRead")],
)
def test_a_server_that_hangs_up_on_the_second_request(broken, name):
    with answering([written(200, GOOD), broken, written(422, PROBLEM)]) as (url, seen):
        smoke(url, [1], "v", seconds=0.1)
        assert len(seen) == 3
    with answering([written(200, GOOD), broken]) as (url, seen):
        with pytest.raises(MarqueeError, match=name) as caught:
            smoke(url, [1], "v", seconds=0.1)
        assert caught.value.fix
        assert len(seen) == 1 + ATTEMPTS
