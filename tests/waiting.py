"""What tests with real servers need: a free port, and waiting for a condition rather than for a time."""

import random
import socket
import time
from collections.abc import Callable
from typing import Any

# Below the ports that the system gives to clients (32768 and up on Linux), so that no connection takes a port between
# our finding it and a server's listening on it. SystemRandom: pytest-randomly seeds `random` alike in every worker.
_PORTS = range(20_000, 32_000)
_RANDOM = random.SystemRandom()


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    while True:
        port = _RANDOM.choice(_PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


def until(
    condition: Callable[[], Any], seconds: float = 180.0, what: str = "the condition", every: float = 0.05
) -> Any:
    """Poll a condition and return its first true value.

    The limit only ends tests that hang; it's generous, since machines are busy.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} didn't come true within {seconds:.0f} s"
        time.sleep(every)
    return value
