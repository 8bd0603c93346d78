"""A publisher that dies: `doomed.py random STORE COUNT SEED` or `doomed.py point STORE NUMBER before|after`.

It is a program of its own, since it forks and kills, which a process with pytest's threads shouldn't.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from marquee.bundle import load, publish

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


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    os.fsync = lambda _: None  # a kill is no power failure: what a process wrote stays
    if sys.argv[1] == "random":
        at_random(folder, int(sys.argv[3]), int(sys.argv[4]))
    else:
        at_every_point(folder)
