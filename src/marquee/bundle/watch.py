"""Follow a store's current bundle in a server: load the new one beside the old one, then swap one reference."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar, cast

from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import MANIFEST_NAME
from marquee.bundle.read import load, pointer_or_refuse
from marquee.bundle.store import is_version_folder
from marquee.errors import BundleError

logger = logging.getLogger("marquee.bundle")

Outcome = Literal["unchanged", "swapped", "refused", "fell_back"]
"""The pointer's version is in use; it was refused and the old one, if any, stays; or fell back at the start."""
T = TypeVar("T")


@dataclass(eq=False)
class Live(Generic[T]):
    """Object that a server builds from a store's current bundle. Thread-safe.

    Each request calls `get` once, so that it never mixes versions.

    Args:
        path: A store, or the folder of one version.
        build: Builds the object from a bundle and tries it out; if it raises, the bundle is refused.
        interval: Seconds between checks of the pointer. Polling, since file notifications miss NFS, volumes that are
            swapped by symlink, and object stores.
        retry: Seconds until a refused bundle is tried again, since its files may still be arriving.
        on_change: Called once when a bundle goes live or is refused, with the outcome and the version in use.
    """

    path: Path
    _: KW_ONLY
    model: str = "current"
    build: Callable[[Bundle], T] = lambda bundle: cast("T", bundle)
    interval: float = 5.0
    retry: float = 60.0
    on_change: Callable[[Outcome, str | None], object] = lambda *_: None

    def __post_init__(self) -> None:
        # (version, what was built from it): the live one, and behind it the one before. Replaced as a whole, so that
        # one read of one reference sees all of it.
        self._built: tuple[tuple[str, T], ...] = ()
        self._seen = ""  # the sha256 of the live bundle's manifest
        self._refused = ""
        self._refused_at = 0.0
        self._why = BundleError(f"no bundle of {self.path} is loaded yet")
        self._checking = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: str | None = None
        self.swaps = 0
        self.refusals = 0

    def get(self, version: str | None = None) -> T:
        """The live object, or the one before if it has this `version`; a BundleError says why there is none."""
        built = self._built
        if not built:
            raise BundleError(self._why.message, fix=self._why.fix)
        return dict(built).get(version or "", built[0][1])

    @property
    def ready(self) -> bool:
        """Whether a bundle is live."""
        return bool(self._built)

    def refuses(self, manifest_sha256: str) -> bool:
        """Whether the pointer's bundle has this manifest and was refused."""
        return bool(manifest_sha256) and manifest_sha256 == self._refused

    def check(self) -> Outcome:
        """Check the pointer once, and follow it. A bad bundle is logged, and raises in `get` if none is live."""
        with self._checking:
            refusals = self.refusals
            outcome = self._check()
            if outcome in {"swapped", "fell_back"} or self.refusals > refusals:
                self.on_change(outcome, self._version())
            return outcome

    def start(self) -> None:
        """Check now, then go on checking in a background thread."""
        self.check()
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="bundle-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background thread; the bundle stays live."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.wait(self.interval):
            try:
                self.check()
            except Exception:  # a watcher that died would leave the server on an old model for ever
                logger.exception("the check for a new bundle failed")

    def _check(self) -> Outcome:
        try:
            pointed = self._pointed()
        except BundleError as error:
            return self._refuse(error.message, error)
        if pointed == self._seen or (self._pinned and self.ready):
            self._refused = ""
            return "unchanged"
        if pointed == self._refused and time.monotonic() < self._refused_at + self.retry:
            return "unchanged"
        try:
            bundle = load(self.path, self._pinned, fall_back=not self.ready)
            self._built = ((bundle.version, self.build(bundle)), *self._built[:1])
        except BundleError as error:
            return self._refuse(pointed, error)
        except Exception as error:  # whatever goes wrong here must not end the old bundle's service
            message = f"the new bundle can't be used: {type(error).__name__}: {error}"
            return self._refuse(pointed, BundleError(message))
        self.swaps += 1
        if bundle.notes:
            return self._refuse(pointed, BundleError(bundle.notes[0]), "fell_back")
        self._seen, self._refused = bundle.manifest.sha256(), ""
        logger.info("bundle %s is live", bundle.version)
        return "swapped"

    @property
    def _pinned(self) -> str | None:
        return None if self.model == "current" else self.model

    def _pointed(self) -> str:
        if self._pinned:
            return self._pinned
        if not is_version_folder(self.path):
            return pointer_or_refuse(self.path).manifest_sha256
        # Hashed, since a folder that is a mounted volume can be replaced as a whole.
        try:
            return hashlib.sha256((self.path / MANIFEST_NAME).read_bytes()).hexdigest()
        except OSError as error:
            raise BundleError(f"{self.path / MANIFEST_NAME} can't be read: {error.strerror}") from None

    def _version(self) -> str | None:
        return self._built[0][0] if self._built else None

    def _refuse(self, pointed: str, error: BundleError, outcome: Outcome = "refused") -> Outcome:
        self._refused_at, self._why = time.monotonic(), error
        if pointed != self._refused:
            self._refused = pointed
            self.refusals += 1
            logger.error("bundle refused, still serving %s: %s", self._version() or "none", error)
        return outcome
