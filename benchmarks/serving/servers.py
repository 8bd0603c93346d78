"""The servers that are measured, as processes: Marquee in three topologies, and the plain service."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.common import random_bundle
from benchmarks.quality.environments import ONE_THREAD, ROOT, environment
from benchmarks.serving.processes import Process, family
from marquee.bundle.bundle import Bundle
from marquee.errors import ConfigError
from tests.programs import path_with_java
from tests.waiting import free_port

HERE = Path(__file__).parent
RETRIEVAL_PYTHON = ROOT / ".venv-retrieval" / "bin" / "python"
MARQUEE = [sys.executable, "-c", "from marquee_cli.main import main; main()", "serve"]
START_SECONDS = 180.0


def bundle(n: int, dimensions: int = 128) -> Bundle:
    """Random models of n films in the shape of trained ones: two item-item views, a prior, 60 candidates from them."""
    made = random_bundle(n, dimensions=dimensions, neighbors=min(300, n // 10))
    prior = np.random.default_rng(9).random(n).astype(np.float32) * 0.1
    history = random_bundle(n, dimensions=8, neighbors=min(200, n // 10)).item_cf
    view = replace(made.item_cf, prior=prior, history=history)
    return replace(made, item_cf=view, rerank=made.rerank.model_copy(update={"n_item_cf_candidates": 60}))


class Server:
    """A server in a process group of its own, on some of the processors; `log` is what it wrote."""

    metrics_port = 0  # of those with metrics

    def __init__(self, name: str, command: list[str], port: int, cpus: Iterable[int], log: Path, **more: str) -> None:
        self.name, self.port, self.log, self.url = name, port, log, f"http://127.0.0.1:{port}"
        variables = {key: value for key, value in os.environ.items() if not key.startswith("MARQUEE_")} | more
        self.started = time.monotonic()
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                ["taskset", "-c", ",".join(map(str, cpus)), *command],
                cwd=ROOT,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def get(self, path: str, port: int = 0) -> tuple[int, bytes]:
        """Status and body, over a connection of its own; status 0 = no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def wait(self, path: str) -> None:
        """Wait until it answers with 200; `ready_seconds` and `ready_cpu` are how long that took."""
        while self.get(path)[0] != 200:
            if self.process.poll() is not None or time.monotonic() > self.started + START_SECONDS:
                raise ConfigError(f"{self.name} did not start", fix=f"its last words: {self.log.read_text()[-2000:]}")
            time.sleep(0.01)
        self.ready_seconds = time.monotonic() - self.started
        self.ready_cpu = sum(one.cpu for one in self.processes())

    def fallbacks(self) -> float:
        """Number of recommendations so far that a lower rung than the Two-Tower made; 0 without metrics."""
        return fallbacks(self.get("/metrics", self.metrics_port)[1].decode()) if self.metrics_port else 0.0

    def processes(self) -> list[Process]:
        return family(self.process.pid)

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


def fallbacks(metrics: str) -> float:
    """Recommendations by any rung but the first, out of Prometheus' text."""
    lines = [line for line in metrics.splitlines() if line.startswith("marquee_recommendations_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if 'served_by="two_tower"' not in line)


@dataclass(frozen=True)
class Place:
    """Where servers run: a folder for what they write, the store, and the processors."""

    folder: Path
    store: Path
    bundle: Bundle
    cpus: tuple[int, ...]

    @classmethod
    def here(cls, folder: Path, store: Path, bundle: Bundle) -> "Place":
        """On all processors that this process may use."""
        return cls(folder, store, bundle, tuple(sorted(os.sched_getaffinity(0))))

    @property
    def ids(self) -> list[int]:
        """Ids that requests may name."""
        return list(self.bundle.catalog.movie_ids.tolist())

    def marquee(self, name: str, command: list[str], ready: str, **settings: object) -> Server:
        """Start one of our servers and wait until it serves the bundle."""
        port, metrics_port = free_port(), free_port()
        given = {"artifacts": self.store, "metrics_port": metrics_port, "log_format": "json"} | settings
        variables = {f"MARQUEE_{key.upper()}": str(value) for key, value in given.items()} | {
            "MARQUEE_PORT": str(port),
            "PATH": path_with_java(),
        }
        server = Server(name, command, port, self.cpus, self.folder / f"{name}.log", **variables)
        server.metrics_port = metrics_port
        try:
            server.wait(ready)
        except BaseException:
            server.stop()
            raise
        return server

    def reranker(self, **settings: object) -> Server:
        """`marquee serve`, with as many workers as it has processors."""
        return self.marquee("re-ranker", MARQUEE, "/readyz", workers=len(self.cpus), **settings)

    def retrieval(self, module: str) -> Server:
        """A retrieval server."""
        if not RETRIEVAL_PYTHON.exists():
            raise ConfigError(
                "the retrieval servers are missing", fix="make retrieval-env, or leave them out (--target)"
            )
        command = [str(RETRIEVAL_PYTHON), "-m", f"marquee_torchserve.{module}"]
        return self.marquee("retrieval", command, "/predictions/two_tower")


Topology = Callable[[Place], Iterator[Server]]


def embedded(place: Place) -> Iterator[Server]:
    yield place.reranker()


def with_kserve(place: Place) -> Iterator[Server]:
    retrieval = place.retrieval("kserve_server")
    yield retrieval
    yield place.reranker(retrieval_url=retrieval.url)


def with_torchserve(place: Place) -> Iterator[Server]:
    retrieval = place.retrieval("start")
    yield retrieval
    yield place.reranker(retrieval_url=retrieval.url)


def plain(place: Place) -> Iterator[Server]:
    """FastAPI, uvicorn, FAISS and NumPy (plain.py), in an environment of their own."""
    python = environment("plain", ROOT / ".venv-serving", HERE / "requirements")
    models, catalog = place.bundle.two_tower, place.bundle.catalog
    items = place.folder / "items.npz"
    np.savez(
        items,
        ids=catalog.movie_ids,
        vectors=models.unit_vectors,
        genres=catalog.genres.astype(np.float32),
        popularity=catalog.popularity,
        titles=np.array(catalog.titles),
        years=catalog.years,
        genre_names=np.array(catalog.genre_names),
    )
    port = free_port()
    variables = {"PLAIN_ITEMS": str(items), **dict.fromkeys(ONE_THREAD, "1"), "PYTHONPATH": str(HERE)}
    command = [str(python), str(HERE / "plain.py"), str(port), str(len(place.cpus))]
    server = Server("plain", command, port, place.cpus, place.folder / "plain.log", **variables)
    yield server
    server.wait("/readyz")


TARGETS: dict[str, tuple[str, Topology]] = {
    "embedded": ("Marquee, retrieval in process", embedded),
    "kserve": ("Marquee, retrieval by the kserve server", with_kserve),
    "torchserve": ("Marquee, retrieval by TorchServe", with_torchserve),
    "plain": ("plain: FastAPI, FAISS, NumPy", plain),
}


@contextmanager
def serving(target: str, place: Place) -> Iterator[list[Server]]:
    """The servers of a topology, the one that visitors ask last; ended at the end."""
    with ExitStack() as stack:
        servers = []
        for server in TARGETS[target][1](place):
            stack.callback(server.stop)
            servers.append(server)
        yield servers
