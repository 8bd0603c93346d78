"""The publisher's lock in a bucket: an object that its holder renews, and that others may take when it is not.

Clocks are never compared: a publisher takes a lease over only after it has seen no renewal for the lease's whole time,
as Kubernetes' leader election does. That a holder which was paused for longer can't undo another's work is ensured by
the conditional write of the pointer, not by the lease.
"""

import logging
import secrets
import threading
import time
from typing import Any

import obstore

from marquee.errors import StoreBusy

logger = logging.getLogger("marquee.bundle")

NAME = "publish.lease"
FREE = b"free\n"


class Lease:
    """Lease on a bucket's object store for one publisher. `seconds` is the time after which a dead one is replaced."""

    def __init__(self, bucket: Any, where: str, seconds: float) -> None:
        self._bucket, self._where, self._seconds = bucket, where, seconds
        self._holder = secrets.token_hex(8)
        self._renewals = 0
        self._tag: Any = None
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="publish-lease", daemon=True)

    def acquire(self, timeout: float) -> None:
        """Wait for the lease for at most `timeout` seconds, but always long enough to replace a dead holder."""
        deadline = time.monotonic() + max(timeout, 1.2 * self._seconds if timeout else 0)
        seen, since = None, 0.0
        while True:
            try:
                self._tag = obstore.put(self._bucket, NAME, self._text(), mode="create")
                break
            except obstore.exceptions.AlreadyExistsError:
                found = obstore.get(self._bucket, NAME)
                tag, free = update_of(found.meta), bytes(found.bytes()) == FREE
            if tag != seen:
                seen, since = tag, time.monotonic()
            if free or time.monotonic() - since >= self._seconds:
                try:
                    self._tag = obstore.put(self._bucket, NAME, self._text(), mode=tag)
                    break
                except obstore.exceptions.PreconditionError:
                    continue  # another one was faster
            if time.monotonic() >= deadline:
                message = f"another publisher has held {self._where}/{NAME} for {timeout:g} s"
                raise StoreBusy(message, fix="let it finish, then publish again")
            time.sleep(min(0.25, self._seconds / 10))
        self._thread.start()

    def release(self) -> None:
        """Give the lease back; nothing happens if another publisher has taken it over."""
        self._released.set()
        self._thread.join()
        try:
            obstore.put(self._bucket, NAME, FREE, mode=update_of(self._tag))
        except obstore.exceptions.BaseError as error:
            logger.warning("the publisher's lease ends by itself in %g s: %s", self._seconds, first_line(error))

    def _renew(self) -> None:
        while not self._released.wait(self._seconds / 3):
            try:
                self._tag = obstore.put(self._bucket, NAME, self._text(), mode=update_of(self._tag))
            except obstore.exceptions.PreconditionError:
                return  # taken over: the pointer's conditional write decides
            except obstore.exceptions.BaseError as error:
                logger.warning("the publisher's lease was not renewed: %s", first_line(error))

    def _text(self) -> bytes:
        self._renewals += 1
        return f"{self._holder} {self._renewals}\n".encode()


def update_of(meta: Any) -> Any:
    """The mode of a write that only replaces the object with this ETag (S3, Azure) or generation (GCS)."""
    return {name: meta[name] for name in ("e_tag", "version") if meta[name]}


def first_line(error: BaseException) -> str:
    """An error of obstore without its debugging output."""
    return str(error).partition("\n")[0].strip()
