"""What tests with real servers need: a port that is free, and waiting for a condition rather than for a time."""

import socket
import time
from collections.abc import Callable
from typing import Any


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 60.0, what: str = "the condition", every: float = 0.05) -> Any:
    """The condition's value, once it is true; it is asked `every` so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} didn't come true within {seconds:.0f} s"
        time.sleep(every)
    return value
