"""Memory of `marquee serve`: with the catalogue, over many requests and over many reloads; and its time to start."""

import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.serving.generator import Generator
from benchmarks.serving.servers import Place, Server, bundle
from marquee.bundle import activate, publish

CHUNK = 20_000  # requests of one attack, so that the generator's files stay small
SETTLE = 2000  # requests before memory is read
WORKER_MIB = 20.0  # what has less is a helper of Python's multiprocessing
# Films and dimensions of what is trained on MovieLens.
SHAPES = {"ml-latest-small: 9,742 films": (9_742, 128), "ML-20M: 27,278 films": (27_278, 128)}


def place(folder: Path, n: int, dimensions: int = 128) -> Place:
    """A store with a bundle of n films, on all processors."""
    made = bundle(n, dimensions)
    store = folder / f"store-{n}"
    publish(store, made, force=True)
    return Place.here(folder, store, made)


def workers(server: Server) -> list[float]:
    """Memory of each worker in MiB (PSS); not of the process that starts them, if there are several."""
    first, *others = server.processes()
    return [one.pss for one in others if one.pss > WORKER_MIB] or [first.pss]


def sizes(folder: Path, films: list[int], say: Any) -> list[dict[str, float]]:
    """Memory of a worker by the number of films, after some requests."""
    found = []
    for n in films:
        here = place(folder, n)
        server = here.reranker()
        try:
            generator(server, here).closed(SETTLE)
            found.append({"films": n, "pss": statistics.mean(workers(server))})
        finally:
            server.stop()
        say(f"{n} films: {found[-1]['pss']:.0f} MiB")
    return found


def generator(server: Server, here: Place) -> Generator:
    return Generator(server.url, here.ids, here.folder, here.cpus)


def after_requests(folder: Path, n: int, say: Any) -> dict[str, Any]:
    """Memory before and after n requests at a catalogue of 27,000 films."""
    here = place(folder, 27_000)
    server = here.reranker()
    try:
        source = generator(server, here)
        source.closed(SETTLE)
        before = workers(server)
        for done in range(0, n, CHUNK):
            source.closed(min(CHUNK, n - done))
            say(f"{min(done + CHUNK, n)} of {n} requests: {workers(server)}")
        return {"what": f"{n:,} requests", "before": before, "after": workers(server)}
    finally:
        server.stop()


def after_reloads(folder: Path, n: int, say: Any) -> dict[str, Any]:
    """Memory before and after n reloads of two bundles of 9,000 films in turn, each by every worker."""
    here = place(folder, 9_000)
    likes = here.bundle.catalog.popularity + 1
    versions = [
        publish(here.store, one, force=True).version
        for one in (here.bundle, replace(here.bundle, catalog=replace(here.bundle.catalog, popularity=likes)))
    ]
    server = here.reranker(reload_seconds=0.02)
    try:
        source = generator(server, here)
        source.closed(SETTLE)
        reload(here, server, versions[0])  # both have been loaded once
        before = workers(server)
        for done in range(n):
            reload(here, server, versions[1 - done % 2])
            if not done % 50:
                say(f"{done} of {n} reloads: {workers(server)}")
        source.closed(SETTLE)
        return {"what": f"{n:,} reloads", "before": before, "after": workers(server)}
    finally:
        server.stop()


def reload(here: Place, server: Server, version: str) -> None:
    """Make a version current, and wait until every worker serves it: each new connection is any worker's."""
    activate(here.store, version)
    seen, wanted = 0, 10 * len(here.cpus)
    while seen < wanted:
        status, body = server.get("/readyz")
        seen = seen + 1 if status == 200 and version.encode() in body else 0
        if not seen:
            time.sleep(0.01)


def starts(folder: Path, times: int, say: Any) -> list[dict[str, Any]]:
    """The median start by the shape of the bundle: seconds, of processor time too, until it is ready."""
    found = []
    for shape, (n, dimensions) in SHAPES.items():
        here, seen = place(folder, n, dimensions), []
        for _ in range(times):
            server = here.reranker()
            seen.append((server.ready_seconds, server.ready_cpu, sum(one.pss for one in server.processes())))
            server.stop()
        wall, cpu, pss = map(statistics.median, zip(*seen, strict=True))
        found.append({"shape": f"{shape} x {dimensions}", "wall": wall, "cpu": cpu, "pss": pss})
        say(str(found[-1]))
    return found
