"""Latency and throughput of the Two-Tower in process, under TorchServe and under kserve, in one run.

    make retrieval-env && .venv/bin/python benchmarks/retrieval.py > benchmarks/retrieval.md

Times are worth little by themselves: compare within one run. Calls are the re-ranker's, by `RetrievalClient`, from
threads of this process, on the same processors as the servers.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the servers have it
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.common import lone, random_bundle, table
from marquee.bundle import load, publish
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.http import RetrievalClient
from marquee.retrieval.port import Query, Where
from marquee.retrieval.service import RetrievalService
from marquee.retrieval.wire import PATHS, ask
from tests.contract.conftest import RETRIEVAL_PYTHON, Served
from tests.waiting import until

SERVERS = {"TorchServe": "torchserve", "kserve": "kserve"}
CATALOGUES = (27_000, 100_000)
LONE, CLIENTS, SECONDS = 400, 16, 6.0
DELAY = 1.0  # ms, of model-config.yaml
WARM_UP = 1500  # requests; a JVM gets twice as fast in its first thousand


def throughput(call: Callable[[], object]) -> float:
    """Answers a second with all clients at work."""
    started = time.perf_counter()

    def work(_: int) -> int:
        count = 0
        while time.perf_counter() < started + SECONDS:
            call()
            count += 1
        return count

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = sum(pool.map(work, range(CLIENTS)))
    return answers / (time.perf_counter() - started)


def measure(n: int, folder: Path) -> None:
    store = folder / str(n)
    publish(store, random_bundle(n, dimensions=64, neighbors=20), force=True)
    bundle = load(store)
    search = ExactSearch(bundle)
    seeds = tuple(bundle.catalog.movie_ids[[5, 50, 500, 5000, 15000]].tolist())
    query = Query(seeds, 200, Where(exclude_movie_ids=seeds))

    def in_process() -> object:
        return search.candidates(query.seed_movie_ids, query.k, query.where)

    own, own_p99, own_rate = *lone(in_process, WARM_UP, LONE), throughput(in_process)
    rows: list[tuple[object, ...]] = [("in process", own, "1.0", own_p99, f"{own_rate:.0f}", "1.00", "")]
    service = RetrievalService(store)
    service.live.check()
    body = ask(query, "v1", "")

    def answered() -> object:
        return service.answer([body])[0].text()

    with_json, _ = lone(answered, WARM_UP, LONE)
    shares: list[tuple[str, float, str]] = []
    queued = 0.0
    for name, kind in SERVERS.items():
        server = Served(kind, folder, store)
        try:
            until(server.answers, what=name)
            for protocol in PATHS:
                client = RetrievalClient(server.url, protocol=protocol, seconds=30)
                call = partial(client.candidates, query, bundle.version)
                p50, p99 = lone(call, WARM_UP, LONE)
                before = batches(server)
                rate = throughput(call)
                client.close()
                size, count = batches(server) - before
                batch = f"{size / count if count else 1:.1f}"
                row = (p50, f"{p50 / own:.1f}", p99, f"{rate:.0f}", f"{rate / own_rate:.2f}", batch)
                rows.append((f"{name}, {protocol}", *row))
                if (name, protocol) == ("TorchServe", "v1"):
                    rest = p50 - with_json - DELAY
                    parts = {
                        "the search": own,
                        "reading and writing JSON": with_json - own,
                        "waiting for company (maxBatchDelay)": DELAY,
                        "the rest: HTTP, the JVM's queue, the hop to the worker, its log lines": rest,
                    }
                    shares = [(part, ms, f"{ms / p50:.0%}") for part, ms in parts.items()]
                    requests = server.metric("ts_inference_requests_total")
                    queued = server.metric("ts_queue_latency_microseconds") / requests / 1e3
        finally:
            server.stop()
    print(f"\n## {n:,} films\n")
    clients = f"{CLIENTS} clients, requests/s"
    table(("server", "lone request, median ms", "ratio", "p99 ms", clients, "ratio", "batch"), rows)
    print("\nWhere TorchServe's lone request (V1) spends its time:\n")
    table(("part", "ms", "share"), shares)
    print(f"\nBy TorchServe's own counters, a request waited {queued:.2f} ms in its queue, under load as well.")


def batches(server: Served) -> np.ndarray:
    """Requests so far, and batches of them."""
    return np.array([server.metric(f"MarqueeBatchSize_{part}") for part in ("sum", "count")])


def main() -> None:
    if not RETRIEVAL_PYTHON.exists() or shutil.which("java") is None:
        sys.exit("error: the servers are missing.  fix: make retrieval-env, and install a JDK 17")
    print("# Retrieval in process and as a service\n")
    print(f"`python benchmarks/retrieval.py` on {os.cpu_count()} processors, Python {platform.python_version()}.")
    print(f"64 dimensions, 5 seeds, k = 200; {LONE} lone requests, then {CLIENTS} clients for {SECONDS:.0f} s each.")
    print("Ratios are to the first row. Clients and servers share the processors.")
    with tempfile.TemporaryDirectory() as folder:
        for n in CATALOGUES:
            measure(n, Path(folder))


if __name__ == "__main__":
    main()
