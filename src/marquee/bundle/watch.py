"""A bundle that follows the pointer while a server runs: load beside the old one, warm up, swap one reference."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from marquee.bundle.bundle import Bundle
from marquee.bundle.load import load, pointer_or_refuse
from marquee.bundle.manifest import MANIFEST_NAME
from marquee.bundle.store import is_version_folder
from marquee.errors import BundleError

logger = logging.getLogger("marquee.bundle")

Outcome = Literal["unchanged", "swapped", "refused", "fell_back"]


@dataclass(frozen=True)
class Check:
    """What one look at the pointer led to.

    Attributes:
        outcome: "swapped" to the pointer's version; "refused" it (again, or for the first time) and went on with
            the old one, if any; "fell_back" to the previous version at the start; or "unchanged".
        version: The version in use after it; None where there is none yet.
        error: Why a bundle was refused or fallen back from.
    """

    outcome: Outcome
    version: str | None
    error: BundleError | None = None


class LiveBundle:
    """The current bundle of a store, for a server. Safe to use from any number of threads.

    A request calls `get` once, at its start, and works with that bundle to its end: so it never mixes versions.

    Args:
        path: A store, or the folder of one version.
        warm_up: Called with a new bundle before it goes live, such as for one dummy request; if it raises,
            the bundle is refused.
        interval: Seconds between two looks at the pointer by the background thread. Polling, because file
            notifications miss NFS, volumes that are swapped by symlink, and object stores.
        retry: Seconds until a refused bundle is tried again, since its files may still be arriving.

    Attributes:
        swaps: How many bundles went live, the first one included.
        refusals: How many bundles were refused; one that stays bad counts once.
        last: The latest check.
    """

    def __init__(
        self,
        path: Path,
        *,
        warm_up: Callable[[Bundle], object] | None = None,
        interval: float = 5.0,
        retry: float = 60.0,
    ) -> None:
        self._path = path
        self._warm_up = warm_up
        self._interval = interval
        self._retry = retry
        self._bundle: Bundle | None = None
        self._seen = ""  # the sha256 of the live bundle's manifest
        self._refused = ""
        self._refused_at = 0.0
        self._why: BundleError | None = None
        self._checking = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.swaps = 0
        self.refusals = 0
        self.last = Check("unchanged", None)

    def get(self) -> Bundle:
        """The bundle that is live now.

        Raises:
            BundleError: None is live yet; the message is that of the last refusal.
        """
        bundle = self._bundle  # one read of one reference: atomic
        if bundle is None:
            why = self._why or BundleError(f"no bundle of {self._path} is loaded yet")
            raise BundleError(why.message, fix=why.fix)
        return bundle

    @property
    def ready(self) -> bool:
        """Whether a bundle is live."""
        return self._bundle is not None

    def check(self) -> Check:
        """Look at the pointer once, and go with it. Never raises because of a bad bundle."""
        with self._checking:
            self.last = self._check()
            return self.last

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
        while not self._stop.wait(self._interval):
            try:
                self.check()
            except Exception:  # a watcher that died would leave the server on an old model for ever
                logger.exception("the check for a new bundle failed")

    def _check(self) -> Check:
        try:
            pointed = self._pointed()
        except BundleError as error:
            return self._refuse(error.message, error)
        if pointed == self._seen:
            self._refused = ""
            return Check("unchanged", self._version())
        if pointed == self._refused and time.monotonic() < self._refused_at + self._retry:
            return Check("unchanged", self._version())
        try:
            bundle = self._load_and_warm_up()
        except BundleError as error:
            return self._refuse(pointed, error)
        self._bundle = bundle
        self.swaps += 1
        if bundle.notes:
            return self._refuse(pointed, BundleError(bundle.notes[0]), "fell_back")
        self._seen, self._refused = bundle.manifest.sha256(), ""
        logger.info("bundle %s is live", bundle.version)
        return Check("swapped", bundle.version)

    def _pointed(self) -> str:
        if not is_version_folder(self._path):
            return pointer_or_refuse(self._path).manifest_sha256
        # Hashed, since a folder that is a mounted volume can be replaced as a whole.
        try:
            return hashlib.sha256((self._path / MANIFEST_NAME).read_bytes()).hexdigest()
        except OSError as error:
            raise BundleError(f"{self._path / MANIFEST_NAME} can't be read: {error.strerror}") from None

    def _load_and_warm_up(self) -> Bundle:
        try:
            bundle = load(self._path, fall_back=self._bundle is None)
            if self._warm_up is not None:
                self._warm_up(bundle)
        except BundleError:
            raise
        except Exception as error:  # whatever goes wrong here must not end the old bundle's service
            raise BundleError(f"the new bundle can't be used: {type(error).__name__}: {error}") from error
        return bundle

    def _version(self) -> str | None:
        return self._bundle.version if self._bundle else None

    def _refuse(self, pointed: str, error: BundleError, outcome: Outcome = "refused") -> Check:
        self._refused_at, self._why = time.monotonic(), error
        if pointed != self._refused:
            self._refused = pointed
            self.refusals += 1
            logger.error("bundle refused, still serving %s: %s", self._version() or "none", error)
        return Check(outcome, self._version(), error)
