"""A retrieval server in a thread that misbehaves as its `mode` says; `healthy` answers from a bundle."""

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from marquee.retrieval.service import RetrievalService

GARBAGE = {
    "garbage": b"<html>welcome</html>",
    "wrong": b'{"predictions": [{"movie_ids": [1, 1], "scores": [0.5, 0.5]}], "model_version": "x"}',
    "nan": b'{"predictions": [{"movie_ids": [1], "scores": [NaN]}], "model_version": "x"}',
    "list": b"[1, 2, 3]",
}
# A client that keeps its deadline never sees the end of a hang. One that doesn't would report another reason then.
HANG_SECONDS = 60


class FaultyServer:
    """Listens when constructed, on a port that the system chooses.

    Args:
        mode: A name of GARBAGE, "slow", "drip", "hangup", "endless", "healthy", or an HTTP status.
        store: Bundles for the mode "healthy".
        port: Listen there instead.
    """

    def __init__(self, mode: str, store: Path | None = None, port: int = 0) -> None:
        self.mode = mode
        self.over = threading.Event()
        self.connections: set[socket.socket] = set()
        self.service = RetrievalService(store, interval=3600) if store else None
        if self.service:
            self.service.live.check()
        outer = self

        class Handler(_Handler):
            server_of_test = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=[0.01])
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection, as the end of a process does."""
        if not self.over.is_set():
            self.over.set()
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()
            for connection in list(self.connections):
                with suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RDWR)  # `close` alone waits for the thread that reads from it


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of_test: FaultyServer

    def setup(self) -> None:
        super().setup()
        self.server_of_test.connections.add(self.connection)

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):  # the client has had enough, or the server was stopped
            self.close_connection = True

    def finish(self) -> None:
        self.server_of_test.connections.discard(self.connection)
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def do_POST(self) -> None:
        mode, over = self.server_of_test.mode, self.server_of_test.over
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if mode == "healthy":
            assert self.server_of_test.service
            reply = self.server_of_test.service.answer([body])[0]
            self.reply(reply.status, *reply.encode())
        elif mode in GARBAGE:
            self.reply(200, GARBAGE[mode])
        elif mode == "slow":
            over.wait(HANG_SECONDS)
            self.reply(200, b"{}")
        elif mode == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            for _ in range(HANG_SECONDS * 50):
                self.wfile.write(b" ")
                if over.wait(0.02):
                    break
            self.close_connection = True
        elif mode == "hangup":
            self.close_connection = True
        elif mode == "endless":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while not over.is_set():
                self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        else:
            self.reply(int(mode), b'{"error": "as asked"}')

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass
