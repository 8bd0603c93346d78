"""The versions of a store as a running server may look at them every few seconds: by their manifests alone.

`marquee.bundle.verify.list_versions` reads and verifies every file, which is right for a person who is about to choose
and too much for a page that refreshes itself.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from marquee.bundle.gate import interval, score
from marquee.bundle.manifest import MANIFEST_NAME, Manifest, parse_manifest, time_of
from marquee.bundle.store import current, is_version_folder, version_names, version_path
from marquee.errors import BundleError

MOST = 50


@dataclass(frozen=True)
class Past:
    """One version.

    Attributes:
        version: Its name.
        created: Time of writing, UTC.
        current: Whether the pointer names it.
        manifest_sha256: Of its manifest, as the pointer has it if it names the version; "" where unreadable.
        ndcg: NDCG@10 of the pipeline at 5 seeds; None where it wasn't measured or can't be read.
        ci95: Its 95 % interval over people.
    """

    version: str
    created: datetime
    current: bool
    manifest_sha256: str
    ndcg: float | None
    ci95: tuple[float, float] | None


class History:
    """Of one store; keeps what it has read, since versions never change. Thread-safe.

    Args:
        path: A store, or the folder of one version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, Manifest] = {}

    def versions(self) -> list[Past]:
        """The newest versions, newest first, at most MOST; empty where nothing was published yet.

        Raises:
            BundleError: The path is one version's folder, and its manifest can't be read.
        """
        if is_version_folder(self._path):
            only = _manifest(self._path)
            return [_past(only.version, only, only.sha256(), is_current=True)]
        try:
            pointer = current(self._path)
        except BundleError:
            pointer = None  # the server says so in its log and metrics; the list is what one needs to repair it
        names = version_names(self._path)[-MOST:]
        pasts = []
        for name in reversed(names):
            manifest = self._manifest_of(name)
            named = pointer is not None and pointer.version == name
            sha256 = pointer.manifest_sha256 if pointer and named else manifest.sha256() if manifest else ""
            pasts.append(_past(name, manifest, sha256, is_current=named))
        # Pruned ones are forgotten; swapped as a whole, for others that read it meanwhile.
        self._read = {name: kept for name in names if (kept := self._read.get(name))}
        return pasts

    def _manifest_of(self, name: str) -> Manifest | None:
        manifest = self._read.get(name)
        if manifest is None:
            # Tried again next time: its files may still be arriving.
            with suppress(BundleError):
                manifest = self._read[name] = _manifest(version_path(self._path, name))
        return manifest


def _manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST_NAME
    try:
        return parse_manifest(path.read_bytes(), str(path))
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror}") from None


def _past(version: str, manifest: Manifest | None, sha256: str, *, is_current: bool) -> Past:
    return Past(
        version=version,
        created=time_of(version),
        current=is_current,
        manifest_sha256=sha256,
        ndcg=score(manifest.metrics, "pipeline") if manifest else None,
        ci95=interval(manifest.metrics, "pipeline") if manifest else None,
    )
