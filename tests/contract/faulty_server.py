"""A retrieval server that misbehaves: `faulty_server.py MODE` on MARQUEE_PORT. GET / says that it is up."""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODE = sys.argv[1]
GARBAGE = {
    "garbage": b"<html>welcome</html>",
    "wrong": b'{"predictions": [{"movie_ids": [1, 1], "scores": [0.5, 0.5]}], "model_version": "x"}',
    "nan": b'{"predictions": [{"movie_ids": [1], "scores": [NaN]}], "model_version": "x"}',
    "list": b"[1, 2, 3]",
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.reply(200, b"up")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if MODE in GARBAGE:
            self.reply(200, GARBAGE[MODE])
        elif MODE == "slow":
            time.sleep(2)
            self.reply(200, b"{}")
        elif MODE == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(40):
                self.wfile.write(b" ")
                time.sleep(0.05)
            self.close_connection = True
        elif MODE == "hangup":
            self.close_connection = True
        elif MODE == "endless":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(200):
                self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        elif MODE.isdigit():
            self.reply(int(MODE), b'{"error": "as asked"}')

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["MARQUEE_PORT"])), Handler).serve_forever()
