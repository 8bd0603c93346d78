"""Several processes on one port, since Python computes on one core at a time, and their metrics on another port.

The processes share the listening socket, so that an idle one takes the next connection, and the pages of the bundle,
which are mapped from its files.
"""

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

RESTART_SECONDS = 1.0
ANSWER_SECONDS = 2.0  # a process answers from a thread of its own, so only a stopped one takes longer

logger = logging.getLogger("marquee.workers")
# A new interpreter: a copy of a process with threads, such as those of BLAS, can hang.
_spawn = multiprocessing.get_context("spawn")

Serve = Callable[[socket.socket, CollectorRegistry], None]
"""Serves on a listening socket until a signal, with its metrics in the registry; must be picklable."""


class Workers(Collector):
    """Runs `n` processes that `serve` on one socket, starts those again that end, and collects their metrics."""

    def __init__(self, n: int, serve: Serve, listener: socket.socket) -> None:
        self._serve = serve
        self._listener = listener
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._workers: dict[int, tuple[BaseProcess, Connection]] = {}
        for index in range(n):
            self._start(index)

    def run(self) -> None:
        """Watch over the processes until a signal, which goes on to all of them, and until they have ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while self._workers:
            ended = wait([process.sentinel for process, _ in self._workers.values()])
            for index in [index for index, (process, _) in self._workers.items() if process.sentinel in ended]:
                process, pipe = self._workers.pop(index)
                process.join()
                pipe.close()
                if not self._stopping.is_set():
                    logger.error("worker %d ended with exit code %s, and is started again", index, process.exitcode)
                    # Not at once, so that one that can't start doesn't take all time from the others.
                    if not self._stopping.wait(RESTART_SECONDS):
                        self._start(index)

    def collect(self) -> Iterator[Metric]:
        """The metrics of all processes, with the label `worker`."""
        families: dict[str, Metric] = {}
        for index in sorted(self._workers):
            for family in text_string_to_metric_families(self._ask(index)):
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    labels = {**sample.labels, "worker": str(index)}
                    merged.add_sample(sample.name, labels, sample.value, sample.timestamp, sample.exemplar)
        yield from families.values()

    def _ask(self, index: int) -> str:
        with self._lock:  # scrapes come in threads
            try:
                _, pipe = self._workers[index]
                pipe.send_bytes(b"metrics")
                return pipe.recv_bytes().decode() if pipe.poll(ANSWER_SECONDS) else ""
            except (KeyError, EOFError, OSError):
                return ""  # ended meanwhile

    def _start(self, index: int) -> None:
        here, there = _spawn.Pipe()
        process = _spawn.Process(target=_work, args=(self._serve, self._listener, there), name=f"worker-{index}")
        process.start()
        there.close()
        self._workers[index] = process, here

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopping.set()
        for process, _pipe in self._workers.values():
            if process.pid:
                os.kill(process.pid, number)


def _work(serve: Serve, listener: socket.socket, pipe: Connection) -> None:
    os.setpgrp()  # Ctrl+C reaches the first process alone, which passes it on
    registry = CollectorRegistry()
    threading.Thread(target=_answer, args=(pipe, registry), name="metrics", daemon=True).start()
    serve(listener, registry)


def _answer(pipe: Connection, registry: CollectorRegistry) -> None:
    try:
        while pipe.recv_bytes():
            pipe.send_bytes(generate_latest(registry))
    except (EOFError, OSError):  # the first process was killed: nobody would stop this one
        os.kill(os.getpid(), signal.SIGTERM)
