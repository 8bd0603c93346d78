"""SageMaker's runtime as a client sees it, in front of a container on this machine: for tests, and to try things out.

`python tests/aws/runtimes/front.py PORT ENDPOINT ADDRESS`, ADDRESS being the container's host:port.
It imitates what AWS's page on InvokeEndpoint says: the path, headers dropped but SageMaker's own, 4 MB, errors as boto3
knows them. Not imitated: signatures and IAM.
"""

import contextlib
import http.client
import json
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

LIMIT = 4 * 1024 * 1024
KEPT = ("content-type", "accept")
# (body, headers) -> (status, body); an OSError is a container that is down.
Container = Callable[[bytes, dict[str, str]], tuple[int, bytes]]
GARBAGE = {
    "garbage": b"<html>welcome</html>",
    "wrong": b'{"predictions": [{"movie_ids": [1, 1], "scores": [0.5, 0.5]}], "model_version": "x"}',
    "empty": b"",
}
ERRORS = {
    "throttled": (429, "ThrottlingException", "Rate exceeded"),
    "denied": (403, "AccessDeniedException", "not authorized to perform: sagemaker:InvokeEndpoint"),
    "internal": (500, "InternalFailure", "internal failure"),
    "unavailable": (503, "ServiceUnavailable", "try again"),
    "not-ready": (429, "ModelNotReadyException", "the model is not ready"),
}


def container_at(address: str) -> Container:
    """Calls the container at host:port."""

    def call(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        with contextlib.closing(http.client.HTTPConnection(address, timeout=60)) as connection:
            connection.request("POST", "/invocations", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    return call


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's delayed ACK
    container: Container
    endpoint = "marquee"
    mode = "normal"
    seen: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/mode/"):
            type(self).mode = self.path.removeprefix("/mode/")
            self.reply(200, b"{}")
            return
        mode = self.mode
        if mode == "hangup" or (mode == "hangup-once" and self.once()):
            self.close_connection = True
        elif mode == "slow":
            self.hold(mode)
            self.close_connection = True
        elif mode == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with contextlib.suppress(OSError):
                while self.mode == mode:
                    self.wfile.write(b" ")
                    time.sleep(0.05)
            self.close_connection = True
        elif mode in GARBAGE:
            self.reply(200, GARBAGE[mode])
        elif mode in ERRORS:
            self.error(*ERRORS[mode])
        elif mode == "throttled-once" and self.once():
            self.error(*ERRORS["throttled"])
        else:
            self.forward(body)

    def hold(self, mode: str) -> None:
        """Wait for another mode: a client that keeps its deadline has gone by then."""
        ends = time.monotonic() + 60
        while self.mode == mode and time.monotonic() < ends:
            time.sleep(0.05)

    def once(self) -> bool:
        type(self).mode = "normal"
        return True

    def forward(self, body: bytes) -> None:
        if self.path != f"/endpoints/{self.endpoint}/invocations":
            self.error(400, "ValidationError", f"Endpoint {self.path.split('/')[2]} of account 123456789012 not found.")
            return
        if len(body) > LIMIT:
            self.error(400, "ValidationError", "the body is too long")
            return
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() in KEPT or name.lower().startswith("x-amzn-sagemaker-")
        }
        self.seen.append(dict(self.headers.items()))
        try:
            status, answer = self.container(body, headers)
        except OSError as error:
            self.error(503, "ServiceUnavailable", str(error))
            return
        if status == 200:
            self.reply(200, answer)
            return
        said = answer.decode(errors="replace")
        extra = {"OriginalStatusCode": status, "OriginalMessage": said, "LogStreamArn": "arn:aws:logs:::none"}
        self.error(424, "ModelError", f"Received client error ({status}) from primary", extra)

    def error(self, status: int, code: str, message: str, extra: dict[str, Any] | None = None) -> None:
        self.reply(status, json.dumps({"Message": message, **(extra or {})}).encode(), {"x-amzn-ErrorType": code})

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def make_front(container: Container, port: int = 0, endpoint: str = "marquee") -> ThreadingHTTPServer:
    """A front, not yet serving; its `RequestHandlerClass.mode` says how it behaves."""
    attributes = {"container": staticmethod(container), "endpoint": endpoint, "seen": []}
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Front", (Handler,), attributes))
    server.daemon_threads = True
    return server


if __name__ == "__main__":
    make_front(container_at(sys.argv[3]), int(sys.argv[1]), sys.argv[2]).serve_forever()
