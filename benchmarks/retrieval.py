"""Latency and throughput of the Two-Tower in process, under TorchServe and under kserve, in one run.

    make retrieval-env && .venv/bin/python benchmarks/retrieval.py > benchmarks/retrieval.md

Times are worth little by themselves: compare within one run. Load comes from threads of this process, on the same
processors as the servers.
"""

import http.client
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the servers have it
import platform
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from marquee.bundle import load, publish
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Query, Where
from marquee.retrieval.service import RetrievalService
from marquee.retrieval.wire import Protocol, ask

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.conftest import _make_contents
from tests.contract.conftest import RETRIEVAL_PYTHON, Served
from tests.waiting import until

SERVERS = {"TorchServe": "torchserve", "kserve": "kserve"}
PATHS: dict[Protocol, str] = {"v1": "/v1/models/two_tower:predict", "v2": "/v2/models/two_tower/infer"}
CATALOGUES = (27_000, 100_000)
LONE, CLIENTS, SECONDS = 400, 16, 6.0
WARM_UP = 1500  # requests; a JVM gets twice as fast in its first thousand


def lone(call: Callable[[], object]) -> tuple[float, float]:
    """Median and 99th percentile of one call after the other, in ms."""
    for _ in range(WARM_UP):
        call()
    times = []
    for _ in range(LONE):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times), float(np.percentile(times, 99))


def throughput(make_call: Callable[[], Callable[[], object]]) -> float:
    """Answers a second with all clients at work."""
    counts = [0] * CLIENTS
    over = threading.Event()

    def work(index: int) -> None:
        call = make_call()
        while not over.is_set():
            call()
            counts[index] += 1

    threads = [threading.Thread(target=work, args=[index]) for index in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    over.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def over_http(port: int, protocol: Protocol, query: Query) -> Callable[[], Callable[[], object]]:
    body = ask(query, protocol, "")

    def make_call() -> Callable[[], object]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def call() -> None:
            connection.request("POST", PATHS[protocol], body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content

        return call

    return make_call


def measure(n: int, folder: Path) -> None:
    store = folder / str(n)
    publish(store, _make_contents(n_movies=n, dimensions=64, seed=1), force=True)
    search = ExactSearch(load(store))
    movies = load(store).catalog.movie_ids[[5, 50, 500, 5000, 15000]]
    seeds = tuple(int(movie) for movie in movies)
    query = Query(seeds, 200, Where(exclude_movie_ids=seeds))
    rows = []

    def in_process() -> object:
        return search.candidates(query.seed_movie_ids, query.k, query.where)

    rows.append(("in process", *lone(in_process), throughput(lambda: in_process), 0.0))
    service = RetrievalService(store)
    service.live.check()
    body = ask(query, "v1", "")

    def answered() -> object:
        return service.answer([body])[0].text()

    with_json, _ = lone(answered)
    parts: list[str] = []
    for name, kind in SERVERS.items():
        server = Served(kind, folder, store)
        try:
            until(server.answers, what=name)
            for protocol in PATHS:
                make_call = over_http(server.port, protocol, query)
                p50, p99 = lone(make_call())
                before = [server.metric(f"MarqueeBatchSize_{part}") for part in ("sum", "count")]
                rate = throughput(make_call)
                after = [server.metric(f"MarqueeBatchSize_{part}") for part in ("sum", "count")]
                batches = after[1] - before[1]
                rows.append((f"{name}, {protocol}", p50, p99, rate, (after[0] - before[0]) / batches if batches else 1))
                if name == "TorchServe" and protocol == "v1":
                    parts = where_it_goes(rows[0][1], with_json, p50, server)
        finally:
            server.stop()
    print(f"\n## {n:,} films\n")
    print(f"| server | lone request, median ms | ratio | p99 ms | {CLIENTS} clients, requests/s | ratio | batch |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, p50, p99, rate, batch in rows:
        ratios = f"{p50 / rows[0][1]:.1f}", f"{rate / rows[0][3]:.2f}"
        size = f"{batch:.1f}" if batch else ""
        print(f"| {name} | {p50:.2f} | {ratios[0]} | {p99:.2f} | {rate:.0f} | {ratios[1]} | {size} |")
    print("\n" + "\n".join(parts))


def where_it_goes(search: float, with_json: float, total: float, server: Served) -> list[str]:
    """TorchServe's lone request, taken apart; called before there is any other load."""
    requests = server.metric("ts_inference_requests_total")
    queued = server.metric("ts_queue_latency_microseconds") / requests / 1e3
    shares = {
        "the search": search,
        "reading and writing JSON": with_json - search,
        "waiting for company (maxBatchDelay)": 2.0,
        "the rest: HTTP, the JVM's queue, the hop to the worker, its log lines": total - with_json - 2.0,
    }
    lines = [
        "Where TorchServe's lone request (V1) spends its time:",
        "",
        "| part | ms | share |",
        "| --- | ---: | ---: |",
    ]
    lines += [f"| {name} | {ms:.2f} | {ms / total:.0%} |" for name, ms in shares.items()]
    return [
        *lines,
        "",
        f"By TorchServe's own counters, a request waited {queued:.2f} ms in its queue, under load as well.",
    ]


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
