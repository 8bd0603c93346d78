"""A store with a bundle, the application on it in process, and real servers."""

import io
import json
import logging
import multiprocessing
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from marquee.bundle import publish
from marquee.settings import Settings
from marquee_cli.main import main
from marquee_reranker.app import create_app
from marquee_reranker.server import server_config
from marquee_reranker.telemetry import configure_logging
from tests import waiting


@pytest.fixture
def until():
    """`until(condition)` waits and returns the condition's value."""
    return partial(waiting.until, every=0.01)


@pytest.fixture
def store(tmp_path: Path, make_contents) -> Path:
    publish(tmp_path / "store", make_contents(), force=True)
    return tmp_path / "store"


@pytest.fixture
def make_app(store: Path) -> Callable[..., FastAPI]:
    """`make_app(make_retriever=..., **settings)`."""

    def make(*, make_retriever=lambda _: None, **settings: Any) -> FastAPI:
        return create_app(Settings(**{"artifacts": store, **settings}), make_retriever=make_retriever)

    return make


@pytest.fixture
def client(make_app) -> Iterator[TestClient]:
    with TestClient(make_app()) as client:
        yield client


@pytest.fixture
def run_app() -> Iterator[Callable[[FastAPI], str]]:
    """`run_app(app) -> url`: a real server in a thread."""
    running = []

    def run(app: FastAPI) -> str:
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        server = uvicorn.Server(server_config(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        waiting.until(lambda: server.started or not thread.is_alive(), every=0.01)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield run
    for server, thread in running:
        server.should_exit = True
        thread.join(120)


@pytest.fixture
def json_logs() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Logging as a server has it; returns the lines so far."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("uvicorn").level
    stream = io.StringIO()
    configure_logging("json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before[0], before[1]
    logging.getLogger("uvicorn").setLevel(before[2])
    structlog.reset_defaults()


# Servers are forked off a process that has imported what they need, which takes most of a server's start.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["marquee_cli.main", "marquee_cli.recommend", "marquee_reranker.server"])


def run_serve(folder: Path, variables: dict[str, str], before: str) -> None:
    """`marquee serve` in this process, with these of Marquee's variables alone, and its output in files."""
    for number, name in ((1, "out.jsonl"), (2, "err.txt")):
        with (folder / name).open("wb") as file:
            os.dup2(file.fileno(), number)
    for name in [name for name in os.environ if name.startswith("MARQUEE_")]:
        del os.environ[name]
    os.environ.update(variables)
    exec(before, {})  # noqa: S102 - the test's own
    sys.argv = ["marquee", "serve"]
    main()


class Served:
    """`marquee serve` as a process of its own, with its output in a file."""

    def __init__(self, folder: Path, store: Path, before: str = "", **settings: object) -> None:
        given = {"artifacts": store, "port": 0, "metrics_port": 0, "log_format": "json", "workers": 1, **settings}
        variables = {f"MARQUEE_{name.upper()}": str(value) for name, value in given.items()}
        self._out = folder / "out.jsonl"
        self._out.touch()
        self.process = FORKS.Process(target=run_serve, args=(folder, variables, before))
        self.process.start()
        try:
            self.url = waiting.until(self._url)
        except BaseException:
            self.kill()
            raise

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._out.read_text().splitlines()]

    def wait(self) -> int | None:
        """The exit code, once it has ended."""
        self.process.join(120)
        return self.process.exitcode

    def terminate(self) -> int | None:
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def _url(self) -> str | None:
        assert self.process.is_alive(), self._out.with_name("err.txt").read_text()
        serving = [line["url"] for line in self.lines() if line["event"] == "serving"]
        try:
            return serving[0] if serving and httpx2.get(f"{serving[0]}/livez", timeout=60) else None
        except httpx2.TransportError:
            return None


@pytest.fixture
def serve(tmp_path: Path, store: Path) -> Iterator[Callable[..., Served]]:
    """`serve(**settings) -> Served`; `before` is code that the process runs first."""
    started = []

    def start(**settings: Any) -> Served:
        started.append(Served(tmp_path, store, **settings))
        return started[-1]

    yield start
    for served in started:
        served.kill()
