"""Retrieval servers and re-rankers as real processes, on a store of their own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from marquee.bundle import load, publish
from tests.waiting import free_port, until

ROOT = Path(__file__).parents[2]
RETRIEVAL_PYTHON = ROOT / ".venv-retrieval" / "bin" / "python"
PROBE = "/predictions/two_tower"
COMMANDS = {
    "torchserve": [RETRIEVAL_PYTHON, "-m", "marquee_torchserve.start"],
    "kserve": [RETRIEVAL_PYTHON, "-m", "marquee_torchserve.kserve_server"],
    "reranker": [sys.executable, "-c", "from marquee_cli.main import main; main()", "serve"],
    "faulty": [sys.executable, Path(__file__).parent / "faulty_server.py"],
}
READY = {"torchserve": PROBE, "kserve": PROBE, "reranker": "/readyz", "faulty": "/"}


class Served:
    """A server in a process group of its own, with its output in a file."""

    def __init__(
        self, kind: str, folder: Path, store: Path, *arguments: str, port: int = 0, **settings: object
    ) -> None:
        self.port = port or free_port()
        self.metrics_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._kind = kind
        self.log = folder / f"{kind}-{self.port}.log"
        given = {"artifacts_dir": store, "metrics_port": self.metrics_port, **settings, "port": self.port}
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MARQUEE_")}
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*map(str, COMMANDS[kind]), *arguments],
                cwd=ROOT,
                env={**clean, **{f"MARQUEE_{name.upper()}": str(value) for name, value in given.items()}},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return httpx2.get(self.url + READY[self._kind], timeout=2).status_code == 200
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
        text = httpx2.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).text
        lines = [line for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGKILL)
        self.process.wait(30)


Start = Callable[..., Served]


def _needs(kind: str) -> None:
    if kind in {"torchserve", "kserve"} and not RETRIEVAL_PYTHON.exists():
        pytest.skip("no .venv-retrieval: `make retrieval-env` makes it")
    if kind == "torchserve" and shutil.which("java") is None:
        pytest.skip("no java: TorchServe needs a JDK 17 (apt-get install openjdk-17-jre-headless)")


@pytest.fixture(scope="session")
def start_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """As `start`, for servers that all tests share."""
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:

        def start(kind: str, store: Path, *arguments: str, wait: bool = True, **settings: object) -> Served:
            _needs(kind)
            served = Served(kind, folder, store, *arguments, **settings)
            stack.callback(served.stop)
            if wait:
                until(served.answers)
            return served

        yield start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(kind, store, *arguments, wait=True, **settings) -> Served`."""
    with ExitStack() as stack:

        def run(kind: str, store: Path, *arguments: str, wait: bool = True, **settings: object) -> Served:
            _needs(kind)
            served = Served(kind, tmp_path, store, *arguments, **settings)
            stack.callback(served.stop)
            if wait:
                until(served.answers)
            return served

        yield run


@pytest.fixture(scope="session")
def contents(make_contents: Any) -> Any:
    return make_contents(n_movies=900, seed=7, dimensions=64)


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory, contents: Any) -> Path:
    """Two versions, the second one current."""
    store = tmp_path_factory.mktemp("shared") / "store"
    publish(store, contents, force=True)
    return store


@pytest.fixture(scope="session")
def bundle(shared_store: Path) -> Any:
    return load(shared_store)


@pytest.fixture(scope="session", params=["torchserve", "kserve"])
def server(request: pytest.FixtureRequest, start_for_all: Start, shared_store: Path) -> Served:
    """A retrieval server, of each kind."""
    return start_for_all(request.param, shared_store, reload_seconds=0.2)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)
