"""What is measured of each topology: rising rates until saturation, then overload and half-open connections."""

import os
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.serving.generator import Generator, Step, judge
from benchmarks.serving.processes import busy, cores
from benchmarks.serving.servers import TARGETS, Place, Server, serving

RATES = (50, 75, 100, 150, 200, 250, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1400, 1600, 2000, 2500, 3000, 4000)
WARM_UP = 3000  # requests; a JVM gets twice as fast in its first thousand
HALF_OPEN = 500
# Key, what it is, and its share of the capacity.
OVERLOAD = (("80%", 0.8), ("2x", 2.0), ("5x", 5.0), (f"80%, {HALF_OPEN} half-open connections", 0.8))


@dataclass(frozen=True)
class Measured:
    """All steps of one topology on some processors, and how it did under overload, by name."""

    target: str
    cpus: int
    steps: tuple[Step, ...]
    overload: dict[str, Step]

    @property
    def capacity(self) -> float:
        """The highest goodput."""
        return max(step.goodput for step in self.steps)

    @property
    def best(self) -> Step | None:
        """The highest rate that passes."""
        return max((step for step in self.steps if step.passes), key=lambda step: step.rate, default=None)

    @property
    def title(self) -> str:
        """The target, in words."""
        return TARGETS[self.target][0]


def measured(report: dict[str, Any]) -> Measured:
    """Back from JSON."""
    steps = tuple(Step(**step) for step in report.pop("steps"))
    overload = {name: Step(**step) for name, step in report.pop("overload").items()}
    return Measured(**report, steps=steps, overload=overload)


class Meter:
    """Attacks the last of the servers, and reads what all of them used meanwhile."""

    def __init__(self, servers: Sequence[Server], generator: Generator) -> None:
        self.servers, self.generator = servers, generator

    def step(self, rate: int, seconds: float) -> Step:
        before = {server.name: server.processes() for server in self.servers}
        fallbacks = self.servers[-1].fallbacks()
        started, busy_before = time.monotonic(), busy()
        generator_cores = self.generator.attack(rate, seconds)
        took, all_cores = time.monotonic() - started, busy() - busy_before
        after = {server.name: server.processes() for server in self.servers}
        fallbacks = self.servers[-1].fallbacks() - fallbacks
        answers = self.generator.answers()
        used = {name: cores(before[name], after[name], took) for name in after}
        shown = [(name, one) for name, found in after.items() for one in found]
        alive = {one.pid for _, one in shown}
        step_cores = tuple((f"{name}: {one.name}", used[name][one.pid]) for name, one in shown)
        ours = generator_cores + sum(each for _, each in step_cores)
        return replace(
            judge(answers, rate, seconds),
            generator_cores=generator_cores,
            cores=step_cores,
            fallbacks=round(fallbacks),
            other_cores=max(0.0, all_cores / took - ours),
            pss=tuple(one.pss for _, one in shown),
            peak_rss=tuple(one.peak for _, one in shown),
            restarted=sum(one.pid not in alive for found in before.values() for one in found),
        )


def measure(target: str, place: Place, rates: Sequence[int], seconds: float, say: Any) -> Measured:
    """Start a topology, warm it up, raise the rate until it is saturated, and overload it."""
    others = tuple(sorted(os.sched_getaffinity(0) - set(place.cpus))) or place.cpus
    with serving(target, place) as servers:
        generator = Generator(servers[-1].url, place.ids, place.folder, others)
        meter = Meter(servers, generator)
        generator.closed(WARM_UP)
        steps: list[Step] = []
        for rate in rates:
            steps.append(step := meter.step(rate, seconds))
            say(f"{target}: {rate}/s: goodput {step.goodput:.0f}, p50 {step.p50:.1f}, p99 {step.p99:.1f} {step.errors}")
            if len(steps) > 1 and step.saturated and steps[-2].saturated:  # one alone may be the machine's hiccup
                break
        done = Measured(target, len(place.cpus), tuple(steps), {})
        for name, share in OVERLOAD:
            with half_open(servers[-1].port) if "half-open" in name else nullcontext():
                done.overload[name] = step = meter.step(max(1, round(share * done.capacity)), seconds)
            say(f"{target}: {name}: goodput {step.goodput:.0f}, p50 {step.p50:.1f}, p99 {step.p99:.1f} {step.errors}")
        return done


HEAD = b"POST /v1/recommendations HTTP/1.1\r\nHost: half\r\nContent-Type: application/json\r\n"
HALVES = (HEAD, HEAD + b'Content-Length: 100\r\n\r\n{"movie_ids": [1, 2')


@contextmanager
def half_open(port: int, n: int = HALF_OPEN) -> Iterator[None]:
    """Keep n connections open that have sent half a head or half a body; what the server closes is opened again."""
    ended = threading.Event()
    with selectors.DefaultSelector() as selector:

        def connect(half: bytes) -> None:
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            connection.sendall(half)
            selector.register(connection, selectors.EVENT_READ, half)

        def keep() -> None:
            while not ended.is_set():
                for key, _ in selector.select(timeout=0.1):
                    connection: socket.socket = key.fileobj  # type: ignore[assignment]
                    try:
                        closed = not connection.recv(4096)  # an answer such as 408 comes before the end
                    except OSError:
                        closed = True
                    if closed:
                        selector.unregister(connection)
                        connection.close()
                        connect(key.data)

        for number in range(n):
            connect(HALVES[number % 2])
        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()
            for key in list(selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
