"""Versions of a store: list, activate, roll back, prune, export."""

import logging
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pydantic import Field

from marquee.base_model import FrozenBaseModel
from marquee.bundle.manifest import Manifest, time_of
from marquee.bundle.metrics import Metrics
from marquee.bundle.read import examine, existing, load, read_manifest
from marquee.bundle.retune import ORIGIN
from marquee.bundle.store import (
    LIST_THEM,
    Pointer,
    current,
    is_version_folder,
    locked,
    point_to,
    remove_version,
    version_names,
    version_path,
    written_aside,
)
from marquee.errors import BundleError

logger = logging.getLogger("marquee.bundle")

HISTORY_LENGTH = 50


class VersionNow(FrozenBaseModel):
    """Version in the store."""

    version: str
    created: datetime
    current: bool
    """Whether it is the current version."""
    ndcg: float | None = Field(alias="ndcg@10")
    """NDCG@10 with 5 liked films; null if it was not measured."""
    ci95: tuple[float, float] | None
    """95 % interval over people."""
    refused: bool
    """Whether this process can't use it: its manifest is unreadable, or loading it failed."""
    n_movies: int | None = Field(None, exclude=True)
    """Number of films; None if the manifest is unreadable."""
    n_people: int | None = Field(None, exclude=True)
    """Number of held-out people in the evaluation; None if it is unknown."""
    data: str = Field("", exclude=True)
    """Name of the data set."""
    origin: str = Field("", exclude=True)
    """The version whose models it has, with other weights of the re-ranker; empty for others."""
    manifest_sha256: str = Field("", exclude=True)
    """Hash of the manifest; the pointer's, if that names the version."""
    size: int = Field(0, exclude=True)
    """Size of all files in bytes; only set by `list_versions`."""


def list_versions(store: Path) -> list[VersionNow]:
    """The versions of a store, newest first. Reads and verifies all files, which is slow for large stores."""
    pointer = _readable_pointer(store)
    found = []
    for name in reversed(version_names(store)):
        path = version_path(store, name)
        report = examine(path, pointer.manifest_sha256 if pointer and pointer.version == name else None)
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        version = _version_now(name, report.manifest, pointer)
        found.append(version.model_copy(update={"size": size, "refused": not report.ok}))
    return found


class History:
    """The versions of one store by their manifests, each of which is read once. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._manifests: dict[str, Manifest] = {}

    def versions(self) -> list[VersionNow]:
        """The newest HISTORY_LENGTH versions, newest first; empty before the first one."""
        if is_version_folder(self._path):
            only = read_manifest(self._path)
            return [_version_now(only.version, only, Pointer(version=only.version, manifest_sha256=only.sha256()))]
        pointer = _readable_pointer(self._path)
        manifests = {}
        names = version_names(self._path)[-HISTORY_LENGTH:]
        for name in names:
            with suppress(BundleError):  # read again next time: its files may still be arriving
                manifests[name] = self._manifests.get(name) or read_manifest(version_path(self._path, name))
        self._manifests = manifests  # swapped as a whole, since other threads read it
        return [_version_now(name, manifests.get(name), pointer) for name in reversed(names)]


def rollback(store: Path, version: str | None = None) -> Pointer:
    """Make the previous or a named version current; returns the new pointer. Two rollbacks go back two steps.

    Raises:
        BundleError: There is no such version, it is damaged, or there is no earlier one.
    """
    with locked(store):
        pointer = _readable_pointer(store)
        if version is None:
            version = _previous_sound(store, pointer)
        report = examine(existing(store, version))
        if report.manifest is None or not report.ok:
            message = f"{version} is damaged, so it can't be current: {report.problems[0].message}"
            raise BundleError(message, fix=LIST_THEM)
        previous = pointer.version if pointer and pointer.version < version else _newest_sound(store, before=version)
        moved = Pointer(version=version, manifest_sha256=report.manifest.sha256(), previous=previous)
        point_to(store, moved)
        logger.info("current is now %s", version)
        return moved


def activate(store: Path, version: str) -> Pointer:
    """Make a version current that `publish(..., activate=False)` has written: a `rollback` to its name."""
    return rollback(store, version)


def prune(store: Path, keep: int = 5) -> list[str]:
    """Delete all versions but the newest `keep` valid ones, the current and the previous one; returns their names.

    Raises:
        BundleError: The pointer can't be read, so the versions in use are unknown.
    """
    if keep < 1:
        raise BundleError(f"keep must be at least 1, not {keep}")
    with locked(store):
        pointer = current(store)
        in_use = {pointer.version, pointer.previous} if pointer else set()
        names = version_names(store)
        sound = [name for name in names if _is_sound(store, name)]
        removed = [name for name in names if name not in in_use and name not in sound[-keep:]]
        for name in removed:
            remove_version(version_path(store, name))
    return removed


def export(store: Path, folder: Path, version: str | None = None) -> str:
    """Copy one version into a new folder, for a tarball or a Lambda layer, verify the copy, and return its name.

    Raises:
        BundleError: There is no such version, it is damaged, or the folder exists.
    """
    if folder.exists():
        raise BundleError(f"{folder} exists already", fix="name a new folder, or remove that one first")
    name = load(store, version).version
    source = store if is_version_folder(store) else version_path(store, name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(folder) as temporary:
        shutil.copytree(source, temporary, dirs_exist_ok=True)
        if problems := examine(temporary).problems:
            raise problems[0]
    return name


def _version_now(name: str, manifest: Manifest | None, pointer: Pointer | None) -> VersionNow:
    metrics = manifest.metrics if manifest else Metrics()
    pointed = pointer.manifest_sha256 if pointer and pointer.version == name else None
    return VersionNow(
        version=name,
        created=time_of(name),
        current=pointed is not None,
        **{"ndcg@10": metrics.score()},
        ci95=metrics.interval(),
        refused=manifest is None,
        n_movies=manifest.n_movies if manifest else None,
        n_people=metrics.n_people,
        data=manifest.data.name if manifest else "",
        origin=str(manifest.config.get(ORIGIN, "")) if manifest else "",
        manifest_sha256=pointed or (manifest.sha256() if manifest else ""),
    )


def _readable_pointer(store: Path) -> Pointer | None:
    # None if it is unreadable: lists and rollback are needed to repair it.
    with suppress(BundleError):
        return current(store)
    return None


def _previous_sound(store: Path, pointer: Pointer | None) -> str:
    if pointer and pointer.previous and _is_sound(store, pointer.previous):
        return pointer.previous
    if found := _newest_sound(store, before=pointer.version if pointer else "9999"):
        return found
    raise BundleError(f"no sound version in {store} to go back to", fix=LIST_THEM)


def _newest_sound(store: Path, *, before: str) -> str | None:
    names = reversed([name for name in version_names(store) if name < before])
    return next((name for name in names if _is_sound(store, name)), None)


def _is_sound(store: Path, version: str) -> bool:
    return examine(version_path(store, version)).ok
