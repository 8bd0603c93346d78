"""Versions of a store: list, activate, roll back, prune, export."""

import logging
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import Field

from marquee.base_model import FrozenBaseModel
from marquee.bundle.address import Place, open_store
from marquee.bundle.disk import on_disk
from marquee.bundle.examine import examine, is_version_name
from marquee.bundle.folder_store import written_aside
from marquee.bundle.manifest import Manifest, time_of
from marquee.bundle.metrics import Metrics
from marquee.bundle.read import load, pointer_or_refuse
from marquee.bundle.retune import ORIGIN
from marquee.bundle.store import CURRENT, LIST_THEM, Pointer, Store
from marquee.errors import BundleError, StoreUnreachable

logger = logging.getLogger("marquee.bundle")

HISTORY_LENGTH = 50


class VersionNow(FrozenBaseModel):
    """Version in the store."""

    version: str
    created: datetime
    current: bool
    """Whether it is the current version."""
    channels: tuple[str, ...] = ()
    """Names of the channels that point to it, `current` among them."""
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


def list_versions(place: Place) -> list[VersionNow]:
    """The versions of a store, newest first. Verifies a folder's files; a bucket's manifests and sizes."""
    store = open_store(place)
    pointers = _pointers(store)
    found = []
    for name in reversed(store.version_names()):
        pointed = [pointer.manifest_sha256 for pointer in pointers.values() if pointer.version == name]
        report, size = store.report(name, pointed[0] if pointed else None)
        version = _version_now(name, report.manifest, pointers)
        found.append(version.model_copy(update={"size": size, "refused": not report.ok}))
    return found


class History:
    """The versions of one store by their manifests, each of which is read once. Thread-safe."""

    def __init__(self, place: Place) -> None:
        self._store = open_store(place)
        self._manifests: dict[str, Manifest] = {}
        self._versions: list[VersionNow] = []

    def versions(self) -> list[VersionNow]:
        """The newest HISTORY_LENGTH versions, newest first; those of before while the store can't be reached."""
        try:
            pointers = _pointers(self._store)
            names = self._store.version_names()[-HISTORY_LENGTH:]
            manifests = {}
            for name in names:
                try:
                    manifests[name] = self._manifests.get(name) or self._store.manifest(name)
                except StoreUnreachable:
                    raise
                except BundleError:
                    continue  # read again next time: its files may still be arriving
        except StoreUnreachable:
            return self._versions
        self._manifests = manifests  # swapped as a whole, since other threads read it
        self._versions = [_version_now(name, manifests.get(name), pointers) for name in reversed(names)]
        return self._versions


def rollback(place: Place, version: str | None = None, *, channel: str = CURRENT) -> Pointer:
    """Point a channel to its previous or a named version; returns the new pointer. Two rollbacks go back two steps.

    Raises:
        BundleError: There is no such version, it is damaged, or there is no earlier one.
    """
    store = open_store(place)
    with store.locked():
        pointer = _readable_pointer(store, channel)
        if version is None:
            version = _previous_sound(store, pointer)
        report = examine(store.folder(version)).reached()
        if report.manifest is None or not report.ok:
            message = f"{version} is damaged, so it can't be {channel}: {report.problems[0].message}"
            raise BundleError(message, fix=LIST_THEM)
        previous = pointer.version if pointer and pointer.version < version else _newest_sound(store, before=version)
        moved = Pointer(version=version, manifest_sha256=report.manifest.sha256(), previous=previous)
        store.point_to(moved, channel)
        logger.info("%s is now %s", channel, version)
        return moved


def promote(place: Place, model: str, *, to: str = CURRENT) -> Pointer:
    """Point a channel to a version, or to the version of another channel; returns the new pointer.

    Raises:
        BundleError: There is no such version or channel, or the version is damaged.
    """
    store = open_store(place)
    version = model if is_version_name(model) else pointer_or_refuse(store, model).version
    return rollback(store, version, channel=to)


def activate(place: Place, version: str) -> Pointer:
    """Make a version current that `publish(..., activate=False)` has written: a `rollback` to its name."""
    return rollback(place, version)


def prune(place: Place, keep: int = 5) -> list[str]:
    """Delete all versions but the newest `keep` valid ones, and those of channels and before; returns their names.

    Raises:
        BundleError: A pointer can't be read, so the versions in use are unknown.
    """
    if keep < 1:
        raise BundleError(f"keep must be at least 1, not {keep}")
    store = open_store(place)
    with store.locked():
        pointers = [store.pointer(channel) for channel in store.channels()]
        in_use = {name for pointer in pointers if pointer for name in (pointer.version, pointer.previous)}
        names = store.version_names()
        sound = [name for name in names if _is_sound(store, name)]
        removed = [name for name in names if name not in in_use and name not in sound[-keep:]]
        for name in removed:
            store.remove(name)
    return removed


def export(place: Place, folder: Path, version: str | None = None) -> str:
    """Copy one version into a new folder, for a tarball or a Lambda layer, verify the copy, and return its name.

    Raises:
        BundleError: There is no such version, it is damaged, or the folder exists.
    """
    if folder.exists():
        raise BundleError(f"{folder} exists already", fix="name a new folder, or remove that one first")
    store = open_store(place)
    name = load(store, version).version
    with on_disk(f"write {folder}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with on_disk(f"write {folder}"), written_aside(folder) as temporary:
        shutil.copytree(store.folder(name), temporary, dirs_exist_ok=True)
        if problems := examine(temporary).problems:
            raise problems[0]
    return name


def _version_now(name: str, manifest: Manifest | None, pointers: Mapping[str, Pointer]) -> VersionNow:
    metrics = manifest.metrics if manifest else Metrics()
    pointed = {channel: pointer.manifest_sha256 for channel, pointer in pointers.items() if pointer.version == name}
    return VersionNow(
        version=name,
        created=time_of(name),
        current=CURRENT in pointed,
        channels=tuple(pointed),
        **{"ndcg@10": metrics.score()},
        ci95=metrics.interval(),
        refused=manifest is None,
        n_movies=manifest.n_movies if manifest else None,
        n_people=metrics.n_people,
        data=manifest.data.name if manifest else "",
        origin=str(manifest.config.get(ORIGIN, "")) if manifest else "",
        manifest_sha256=next(iter(pointed.values()), manifest.sha256() if manifest else ""),
    )


def _pointers(store: Store) -> dict[str, Pointer]:
    # Without those that are unreadable: lists and rollback are needed to repair them.
    found = {channel: _readable_pointer(store, channel) for channel in store.channels()}
    return {channel: pointer for channel, pointer in found.items() if pointer}


def _readable_pointer(store: Store, channel: str) -> Pointer | None:
    try:
        return store.pointer(channel)
    except StoreUnreachable:
        raise
    except BundleError:
        return None


def _is_sound(store: Store, version: str) -> bool:
    try:
        return store.report(version)[0].reached().ok
    except StoreUnreachable:
        raise
    except BundleError:
        return False


def _previous_sound(store: Store, pointer: Pointer | None) -> str:
    if pointer and pointer.previous and _is_sound(store, pointer.previous):
        return pointer.previous
    if found := _newest_sound(store, before=pointer.version if pointer else "9999"):
        return found
    raise BundleError(f"no sound version in {store} to go back to", fix=LIST_THEM)


def _newest_sound(store: Store, *, before: str) -> str | None:
    names = reversed([name for name in store.version_names() if name < before])
    return next((name for name in names if _is_sound(store, name)), None)
