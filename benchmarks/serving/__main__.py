"""Measure how many requests Marquee serves, beside a plain service, and write docs/performance.md.

  rates        each topology on 1 and 2 cores: rising rates until saturation, then overload and half-open connections
  start        seconds until a server is ready, at the shapes of ml-latest-small and ML-20M
  growth       memory by catalogue, after many requests and after many reloads
  in-cluster   one pod of each server in the kind cluster of `make install`, asked by a pod
  all          all of these; in-cluster only where there is a cluster
  page         only write the page again from the last figures, such as after a change of prices.toml

Load is an open loop with a constant arrival rate, by vegeta (built by Go on first use). Run it on a machine that does
nothing else.
"""

import argparse
import json
import os
import platform
import resource
import shlex
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.quality.environments import ROOT, DidNotInstall
from benchmarks.serving import growth, page
from benchmarks.serving.cluster import available, in_cluster
from benchmarks.serving.generator import vegeta
from benchmarks.serving.measure import RATES, measure
from benchmarks.serving.servers import TARGETS, Place, bundle
from marquee.bundle import publish
from marquee.errors import MarqueeError

WORK = ROOT / "build" / "serving"
WHAT = ("rates", "start", "growth", "in-cluster")


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.replace("_", "").split(",")]


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", default="all", choices=(*WHAT, "all", "page"))
    parser.add_argument("--quick", action="store_true", help="a short run to see that it works; changes no page")
    parser.add_argument("--target", action="append", choices=TARGETS, help="repeat for more; without it all")
    parser.add_argument(
        "--cores", type=numbers, help="processors of the servers, such as 1,2; the generator has the rest"
    )
    parser.add_argument("--rates", type=numbers, default=RATES, help="requests per second, rising, such as 100,200,400")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each rate is held")
    parser.add_argument("--films", type=int, default=27_000, help="size of the catalogue")
    parser.add_argument("--requests", type=int, default=1_000_000, help="growth: how many requests")
    parser.add_argument("--reloads", type=int, default=1000, help="growth: how many reloads")
    parser.add_argument("--sizes", type=numbers, default=[9_000, 27_000, 62_000], help="growth: sizes of catalogues")
    given = parser.parse_args(words)
    if given.quick:
        short = {
            "rates": [50, 200],
            "seconds": 2.0,
            "films": 2000,
            "requests": 2000,
            "reloads": 4,
            "sizes": [1000, 3000],
        }
        vars(given).update(short)
        given.cores, given.target = given.cores or [1], given.target or ["embedded", "plain"]
    given.cores = given.cores or [n for n in (1, 2) if n <= len(os.sched_getaffinity(0))]
    return given


def rates(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    made, store = bundle(given.films), folder / "store"
    publish(store, made, force=True)
    processors = sorted(os.sched_getaffinity(0))
    found = [
        measure(target, Place(folder, store, made, tuple(processors[:n])), given.rates, given.seconds, say)
        for n in given.cores
        for target in given.target or TARGETS
    ]
    return {"films": given.films, "seconds": given.seconds, "measured": [asdict(one) for one in found]}


def start(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    times = 2 if given.quick else 7
    return {"times": times, "starts": growth.starts(folder, times, say)}


def grow(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    sizes = growth.sizes(folder, given.sizes, say)
    runs = [growth.after_requests(folder, given.requests, say), growth.after_reloads(folder, given.reloads, say)]
    small, large = sizes[0], sizes[-1]
    each = 1024 * (large["pss"] - small["pss"]) / (large["films"] - small["films"])
    return {"sizes": sizes, "runs": runs, "kib_per_film": each}


def inside(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    return {"steps": in_cluster(folder, max(given.seconds, 2.0), say)}


MODES: dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]] = {
    "rates": rates,
    "start": start,
    "growth": grow,
    "in-cluster": inside,
}


def main(words: list[str]) -> None:
    """The whole command: measure, keep the figures in build/serving, write the page."""
    given = arguments(words)
    modes = {"all": WHAT, "page": ()}.get(given.what, (given.what,))
    if given.what == "all" and not available():
        say("there is no kind cluster, so `in-cluster` is left out (make images kind-up kind-load install)")
        modes = WHAT[:-1]
    WORK.mkdir(parents=True, exist_ok=True)
    vegeta()  # an error now, not after minutes
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # overload opens thousands of connections
    prefix = "quick-" if given.quick else ""
    for mode in modes:
        with tempfile.TemporaryDirectory() as folder:
            report = MODES[mode](given, Path(folder))
        own = [word for word in words if word != given.what]
        report["command"] = shlex.join(["python", "-m", "benchmarks.serving", mode, *own])
        report["date"] = f"{datetime.now(UTC):%Y-%m-%d}"
        report["machine"] = f"{len(os.sched_getaffinity(0))} processors, Python {platform.python_version()}"
        (WORK / f"{prefix}{mode}.json").write_text(json.dumps(report, indent=1), "utf-8")
    found = {mode: WORK / f"{prefix}{mode}.json" for mode in WHAT}
    reports = {mode: json.loads(path.read_text("utf-8")) for mode, path in found.items() if path.exists()}
    if given.quick:
        for part in page.parts({mode: reports[mode] for mode in modes}).values():
            print(part, end="\n\n")
    else:
        page.write(reports)
        say(f"written: {page.PAGE}, {page.STEPS}, {page.PICTURE}")


def say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (MarqueeError, DidNotInstall) as error:
        sys.exit(f"error: {error}")
