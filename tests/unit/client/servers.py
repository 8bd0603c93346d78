"""A real server in a thread."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from marquee.settings import Settings
from marquee_reranker.app import create_app
from tests.waiting import until


@contextmanager
def served(store: Path) -> Iterator[str]:
    """Its address, for as long as the block lasts."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    app = create_app(Settings(artifacts=store))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
