"""Follow a store's current bundle in a server: load the new one beside the old one, then swap one reference."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Generic, Literal, TypeVar, cast

from marquee.bundle.address import Place, open_store
from marquee.bundle.bundle import Bundle
from marquee.bundle.read import load, locate
from marquee.bundle.store import CURRENT
from marquee.errors import BundleError

logger = logging.getLogger("marquee.bundle")

STOP_SECONDS = 1.0
Outcome = Literal["unchanged", "swapped", "refused", "fell_back"]
"""The pointer's version is in use; it was refused and the old one, if any, stays; or fell back at the start."""
T = TypeVar("T")


@dataclass(eq=False)
class Live(Generic[T]):
    """Object that a server builds from a store's current bundle, or from another channel's. Thread-safe.

    Each request calls `get` once, so that it never mixes versions.

    Args:
        place: A store or its address, or the folder of one version.
        model: The channel to follow, or the name of a version, which pins it: then nothing else is ever used.
        build: Builds the object from a bundle and tries it out; if it raises, the bundle is refused.
        interval: Seconds between checks of the pointer. Polling, since file notifications miss NFS, volumes that are
            swapped by symlink, and object stores.
        retry: Seconds until a refused bundle is tried again, since its files may still be arriving.
        amend: Makes what is served of what was built, for changes without a new bundle; the same object again while
            nothing changes. Called after each build and every `amend_seconds`; 0 is never.
        on_change: Called once when a bundle goes live or is refused, with the outcome and the version in use.
    """

    place: Place
    _: KW_ONLY
    model: str = CURRENT
    build: Callable[[Bundle], T] = lambda bundle: cast("T", bundle)
    interval: float = 5.0
    retry: float = 60.0
    amend: Callable[[T], T] = lambda built: built
    amend_seconds: float = 0.0
    on_change: Callable[[Outcome, str | None], object] = lambda *_: None

    def __post_init__(self) -> None:
        # (version, what was built from it): the live one, and behind it the one before. Replaced as a whole, so that
        # one read of one reference sees all of it.
        self._store = open_store(self.place)
        self._built: tuple[tuple[str, T], ...] = ()
        self._base: T | None = None  # what the live one is an amendment of
        self._seen = ""  # the sha256 of the live bundle's manifest
        self._refused = ""
        self._refused_at = 0.0
        self._why = BundleError(f"no bundle of {self._store} is loaded yet")
        self._checking = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
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

    @property
    def trouble(self) -> str | None:
        """Why the store can't be reached, while the last known bundle stays live; None if it can."""
        return self._store.trouble

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

    def amend_now(self) -> None:
        """Serve what `amend` makes of the live bundle now; what it raises changes nothing."""
        with self._checking:
            if self._built and self._base is not None:
                (version, _), *before = self._built
                self._built = ((version, self.amend(self._base)), *before)

    def start(self, *, wait: bool = True) -> None:
        """Check now, then go on checking in a background thread; without `wait`, the first check is there, too."""
        if wait:
            self.check()
        if self._thread is None:
            self._stop.clear()
            pause = self.interval if wait else 0.0
            self._thread = threading.Thread(target=self._run, args=(pause,), name="bundle-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background thread, unless a slow disk holds it; the bundle stays live."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def _run(self, pause: float) -> None:
        due, tick = time.monotonic() + pause, min(self.interval, self.amend_seconds or self.interval)
        while not self._stop.wait(min(pause, tick)):
            pause = tick
            try:
                if time.monotonic() >= due:
                    due = time.monotonic() + self.interval
                    self.check()
                if self.amend_seconds:
                    self.amend_now()
            except Exception:  # a watcher that died would leave the server on an old model for ever
                logger.exception("the check for a new bundle failed")

    def _check(self) -> Outcome:
        try:
            _, pointed = locate(self._store, self.model)
        except BundleError as error:
            return self._refuse(error.message, error)
        if pointed == self._seen:
            self._refused = ""
            return "unchanged"
        if pointed == self._refused and time.monotonic() < self._refused_at + self.retry:
            return "unchanged"
        try:
            bundle = load(self._store, self.model, fall_back=not self.ready)
            self._base = built = self.build(bundle)
            self._built = ((bundle.version, self.amend(built)), *self._built[:1])
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

    def _version(self) -> str | None:
        return self._built[0][0] if self._built else None

    def _refuse(self, pointed: str, error: BundleError, outcome: Outcome = "refused") -> Outcome:
        self._refused_at, self._why = time.monotonic(), error
        if pointed != self._refused:
            self._refused = pointed
            self.refusals += 1
            logger.error("bundle refused, still serving %s: %s", self._version() or "none", error)
        return outcome
