"""A publisher that dies: `doomed.py random STORE COUNT SEED`, `doomed.py point STORE NUMBER before|after`, or, with a
second one that lives, `doomed.py two ADDRESS COUNT SEED CACHES`.

It is a program of its own, since it forks and kills, which a process with pytest's threads shouldn't.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from marquee.bundle import load, open_store, publish
from marquee.errors import BundleError

BUNDLE = load(Path(__file__).parents[3] / "artifacts" / "sample")

POINTS = ("fsync", "rename", "replace", "mkdir")


def publish_number(store: Path, number: int) -> None:
    publish(store, replace(BUNDLE, config={"number": number}), force=True)


def published(store: Path) -> int:
    """The number of versions; what a killed publisher left isn't one."""
    return sum(not path.name.startswith(".") for path in (store / "versions").iterdir())


def at_random(store: Path, count: int, seed: int) -> None:
    """Start `count` publishers one after the other, and kill each with SIGKILL while it publishes."""
    longest = 0.01  # seconds until the kill; grows after a child that published nothing, shrinks after one that did
    rng, numbers, survived = random.Random(seed), 0, 0  # noqa: S311 - not a secret
    for _ in range(count):
        child = os.fork()
        if child == 0:
            while True:
                numbers += 1
                publish_number(store, numbers * 1000 + os.getpid())
        before = published(store)
        time.sleep(rng.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        longest *= 1.3 if published(store) == before else 0.9
        load(store)  # raises if anything is half there
        survived += 1
    print(survived)


def at_point(store: Path, number: int, when: str) -> None:
    """Die before or after the nth call that changes what is on the disk."""
    calls = 0

    def doom(call: Callable[..., Any]) -> Callable[..., Any]:
        def doomed(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            mine = calls
            try:
                return call(*args, **kwargs)
            finally:  # a call can also fail: making a folder that is there
                if mine == number and when == "after":
                    os.kill(os.getpid(), signal.SIGKILL)

        return doomed

    for name in POINTS:
        setattr(os, name, doom(getattr(os, name)))
    publish_number(store, 1)


def at_every_point(store: Path) -> None:
    """Die at each point in turn, one child each; prints per point whether the new version is live."""
    for when in ("before", "after"):
        for number in range(1, 1000):
            before = load(store).version
            child = os.fork()
            if child == 0:
                at_point(store, number, when)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            bundle = load(store)
            leftovers = len(list((store / "versions").glob(".tmp-*")))
            print(when, number, "killed" if status else "done", bundle.version != before, leftovers, flush=True)
            # Another content is current again, so that the next child has something to do.
            publish_number(store, -number)
            assert not list(store.rglob("*.tmp-*"))
            if status == 0:
                break


def two_at_once(address: str, count: int, seed: int, caches: Path) -> None:
    """One publisher goes on while another is started and killed `count` times; prints each move of the pointer.

    Children are forked before anything opens the bucket: its client's threads don't survive a fork.
    """
    rng = random.Random(seed)  # noqa: S311 - not a secret
    steady = _publisher(address, caches / "steady", 0, at_least=3)
    for number in range(1, count + 1):
        child = _publisher(address, caches / "killed", number)
        time.sleep(rng.uniform(0.1, 1.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.kill(steady, signal.SIGTERM)
    os.waitpid(steady, 0)


def _publisher(address: str, cache: Path, number: int, at_least: int = 0) -> int:
    """A child that publishes until SIGTERM, and until it has moved the pointer `at_least` times."""
    child = os.fork()
    if child:
        return child
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    store = open_store(address, cache)
    if "://" in address:
        store._lease_seconds = 0.5  # type: ignore[attr-defined]
    count, moves = 0, 0
    while not stopped or moves < at_least:
        count += 1
        made = replace(BUNDLE, config={"number": number * 1_000_000 + count})
        with suppress(BundleError):  # the other one was faster
            version = publish(store, made, force=True).version
            pointer = store.pointer()
            if pointer and pointer.version == version:
                moves += 1
                os.write(1, pointer.model_dump_json().encode() + b"\n")
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "two":
        two_at_once(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
        sys.exit()
    folder = Path(sys.argv[2])
    os.fsync = lambda _: None  # a kill is no power failure: what a process wrote stays
    if sys.argv[1] == "random":
        at_random(folder, int(sys.argv[3]), int(sys.argv[4]))
    else:
        at_every_point(folder)
