"""A real HTTP server that answers as themoviedb.org does, or as it shouldn't."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
WEBP = b"RIFF\x00\x00\x00\x00WEBP" + bytes(range(256)) * 40


class TmdbServer:
    """Posters of every film, unless told otherwise.

    Attributes:
        films: What /3/movie/ID answers beside a poster's name: (status, JSON value), by TMDB id.
        pictures: (status, type, bytes) by the picture's name.
        picture: All other pictures.
        delay: Seconds before each answer.
        may_answer: Clear it to hold answers back.
        asked: Paths that were asked for, with their queries.
        headers: Of each call.
        at_once: The most calls that were under way together.
    """

    def __init__(self) -> None:
        self.films: dict[int, tuple[int, Any]] = {}
        self.pictures: dict[str, tuple[int, str, bytes]] = {}
        self.delay = 0.0
        self.picture = (200, "image/jpeg", JPEG)
        self.drip = 0.0
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.at_once = 0
        self._under_way = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def count(self) -> Counter[str]:
        return Counter(path.split("?")[0] for path in self.asked)

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        path = path.split("?", maxsplit=1)[0]
        if path.startswith("/3/movie/"):
            tmdb_id = int(path.rsplit("/", 1)[1])
            status, value = self.films.get(tmdb_id, (200, {"id": tmdb_id, "poster_path": f"/film-{tmdb_id}.jpg"}))
            return status, "application/json", value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.pictures.get(path.rsplit("/", 1)[1], self.picture)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with server._lock:
                    server.asked.append(self.path)
                    server.headers.append(dict(self.headers))
                    server._under_way += 1
                    server.at_once = max(server.at_once, server._under_way)
                time.sleep(server.delay)
                server.may_answer.wait(60)
                with server._lock:
                    server._under_way -= 1
                status, media_type, body = server.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                if status == 302:
                    self.send_header("Location", f"{server.url}/t/p/w342/elsewhere.jpg")
                self.end_headers()
                self._send(body)

            def _send(self, body: bytes) -> None:
                try:
                    for start in range(0, len(body), 1024):
                        self.wfile.write(body[start : start + 1024])
                        time.sleep(server.drip)
                except OSError:
                    self.close_connection = True  # the client has had enough

            def log_message(self, *_: object) -> None:
                pass

        return Handler
