"""Retrieval servers and re-rankers as real processes. Of each retrieval server, one runs for all tests."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from marquee.bundle import activate, load, publish
from marquee.bundle.bundle import Bundle
from marquee.bundle.read import current
from tests.contract.faulty_server import FaultyServer
from tests.programs import path_with_java, skip_without
from tests.waiting import free_port, until

ROOT = Path(__file__).parents[2]
RETRIEVAL_PYTHON = ROOT / ".venv-retrieval" / "bin" / "python"
PROBE = "/predictions/two_tower"
PREDICT = "/v1/models/two_tower:predict"
COMMANDS = {
    "torchserve": [RETRIEVAL_PYTHON, "-m", "marquee_torchserve.start"],
    "kserve": [RETRIEVAL_PYTHON, "-m", "marquee_torchserve.kserve_server"],
    "reranker": [sys.executable, "-c", "from marquee_cli.main import main; main()", "serve"],
}
ALL = "::" if socket.has_ipv6 else "127.0.0.1"  # IPv4, too
READY = {"torchserve": PROBE, "kserve": PROBE, "reranker": "/readyz"}


class Served:
    """A server in a process group of its own, with its output in a file."""

    def __init__(self, kind: str, folder: Path, store: Path, **settings: object) -> None:
        if kind != "reranker" and not RETRIEVAL_PYTHON.exists():
            skip_without("retrieval servers")
        self.kind, self.store = kind, store
        self.port = free_port()
        self.metrics_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{kind}-{self.port}.log"
        given = {"artifacts": store, "metrics_port": self.metrics_port, "workers": 1, **settings, "port": self.port}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MARQUEE_")}
        if kind == "torchserve":
            environment["PATH"] = path_with_java()
        environment |= {f"MARQUEE_{name.upper()}": str(value) for name, value in given.items()}
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*map(str, COMMANDS[kind])],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return httpx2.get(self.url + READY[self.kind], timeout=20).status_code == 200
        except httpx2.TransportError:
            return False

    def send(self, signum: int) -> None:
        os.killpg(self.process.pid, signum)

    def children(self) -> list[int]:
        """Process ids of children: TorchServe's worker is one."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, _, rest = stat.read_text().partition(" ")
            except OSError:  # it ended meanwhile
                continue
            if int(rest.rpartition(")")[2].split()[1]) == self.process.pid:
                found.append(int(pid))
        return found

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        text = httpx2.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60).text
        lines = [line for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGKILL)
        self.process.wait(30)


class Retrieval(Served):
    """A retrieval server that was started on an empty store, and serves the bundle that was published then."""

    def __init__(self, kind: str, folder: Path, contents: Any) -> None:
        store = folder / f"store-{kind}"
        store.mkdir()
        pointer = store / "CURRENT.json"
        os.mkfifo(pointer)  # as slow as a disk can be: reading it waits for us
        super().__init__(kind, folder, store, host=ALL, reload_seconds=0.05)
        try:
            # Status and text of its answer without a bundle, while it reads and then in an empty store.
            self.while_reading: tuple[int, str] = until(self._refuses, what=f"an answer of {kind}")
            self.alive_while_reading = httpx2.get(f"{self.url}/ping", timeout=60).status_code
            pointer = pointer.rename(store / "aside")
            pointer.write_bytes(b"")
            self.without_bundle: tuple[int, str] = until(
                lambda: (found := self._refuses()) and "loaded yet" not in found[1] and found, what="an empty store"
            )
            publish(self.store, contents, force=True)
            self.bundle: Bundle = load(self.store)
            until(self.answers, what=f"{kind} with a bundle")
        except BaseException:
            self.stop()
            raise

    def version(self) -> str:
        """The version that answers now."""
        answer = httpx2.get(self.url + PROBE, timeout=60)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["model_version"])

    def restore(self) -> None:
        """Serve the first bundle again."""
        first = self.bundle.version
        if (pointer := current(self.store)) is None or pointer.version != first:
            activate(self.store, first)
        until(lambda: self.version() == first, what=f"{self.kind} with its first bundle")

    def _refuses(self) -> tuple[int, str] | None:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            answer = httpx2.post(self.url + PREDICT, json={"instances": [{"movie_ids": [1]}]}, timeout=20)
        except httpx2.TransportError:
            return None
        # TorchServe listens before its worker is up.
        return (answer.status_code, answer.text) if "no bundle" in answer.text or "not ready" in answer.text else None


Start = Callable[..., Served]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """`start(store, **settings) -> Served`: a re-ranker of its own, until the end of the run."""
    folder = tmp_path_factory.mktemp("rerankers")
    with ExitStack() as stack:

        def run(store: Path, **settings: object) -> Served:
            served = Served("reranker", folder, store, **settings)
            stack.callback(served.stop)
            until(served.answers)
            return served

        yield run


@pytest.fixture(scope="session")
def contents(make_contents: Any) -> Any:
    return make_contents(n_movies=900, seed=7, dimensions=64, columns=True)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, contents: Any) -> Iterator[Callable[[str], Retrieval]]:
    """`servers(kind)`: the one server of that kind, started when first asked for."""
    folder = tmp_path_factory.mktemp("servers")
    running: dict[str, Retrieval] = {}

    def get(kind: str) -> Retrieval:
        if kind not in running:
            running[kind] = Retrieval(kind, folder, contents)
        return running[kind]

    yield get
    for server in running.values():
        server.stop()


# tests/conftest.py reads the kind out of a test's name, so that each server runs in one worker of pytest-xdist only.
@pytest.fixture(params=["torchserve", "kserve"])
def server(request: pytest.FixtureRequest, servers: Callable[[str], Retrieval]) -> Iterator[Retrieval]:
    """A retrieval server, of each kind. A test may publish into its store: the first bundle is served again after."""
    retrieval = servers(request.param)
    yield retrieval
    retrieval.restore()


only_torchserve = pytest.mark.parametrize("server", ["torchserve"], indirect=True)


@pytest.fixture
def bundle(server: Retrieval) -> Bundle:
    """What the server serves."""
    return server.bundle


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory, contents: Any) -> Path:
    """A store for tests without a real retrieval server."""
    store = tmp_path_factory.mktemp("shared") / "store"
    publish(store, contents, force=True)
    return store


@pytest.fixture
def faulty() -> Iterator[Callable[..., FaultyServer]]:
    """`faulty(mode, store=None, port=0) -> FaultyServer`."""
    with ExitStack() as stack:

        def run(*arguments: Any, **options: Any) -> FaultyServer:
            running = FaultyServer(*arguments, **options)
            stack.callback(running.stop)
            return running

        yield run


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)
