"""Both tiers grow under load and shrink after it; no request fails on the way."""

import threading
import time

import pytest
from kubernetes import client

from tests.cluster.conftest import Load, until

pytestmark = pytest.mark.load
RATE, SECONDS = 40, 130


def ready(release, deployment):
    return (
        client.AppsV1Api().read_namespaced_deployment_status(deployment, release.namespace).status.ready_replicas or 0
    )


def test_from_one_to_three_and_back(release, record_property):
    curve, over = [], threading.Event()
    names = {"reranker": "marquee-reranker", "retrieval": "marquee-retrieval-predictor"}
    started = time.monotonic()

    def watch():
        while not over.wait(3):
            now = {component: ready(release, name) for component, name in names.items()}
            curve.append({"t": round(time.monotonic() - started), **now})

    watcher = threading.Thread(target=watch)
    with Load(release, RATE, SECONDS) as load:
        started = time.monotonic()
        watcher.start()
        try:
            until(lambda: ready(release, names["reranker"]) >= 3, 90, "three re-rankers")
            until(lambda: ready(release, names["retrieval"]) >= 2, 90, "a second retrieval pod")
        finally:
            over.set()
            watcher.join()
    summary = load.summary(RATE * SECONDS)
    print("replicas:", curve)
    print("load:", *load.lines, sep="\n")
    record_property("replicas", curve)
    record_property("load", summary)
    until(lambda: ready(release, names["reranker"]) == 1, 300, "one re-ranker again")
    until(lambda: ready(release, names["retrieval"]) == 1, 300, "one retrieval pod again")
