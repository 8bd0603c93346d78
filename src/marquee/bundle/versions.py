"""Choosing among the versions of a store: make one current, go back, tidy up, take one out."""

import logging
import shutil
from pathlib import Path

from marquee.bundle.examine import examine
from marquee.bundle.manifest import MANIFEST_NAME
from marquee.bundle.read import existing, load
from marquee.bundle.store import (
    LIST_THEM,
    Pointer,
    current,
    locked,
    point_to,
    remove_version,
    version_names,
    version_path,
    written_aside,
)
from marquee.errors import BundleError

logger = logging.getLogger("marquee.bundle")


def rollback(store: Path, version: str | None = None) -> Pointer:
    """Go back to an older version, or to any sound one by its name. Only the pointer moves.

    Without a version, going back twice goes back two steps: it never returns to what one went back from.

    Args:
        store: The folder of bundles.
        version: The version to go to; without it the previous one that is sound.

    Returns:
        The new pointer.

    Raises:
        BundleError: There is no such version, it is damaged, or there is nothing to go back to.
    """
    with locked(store):
        pointer = _pointer_if_readable(store)
        target = version or _one_before(store, pointer)
        if target is None:
            raise BundleError(f"no sound version in {store} to go back to", fix=LIST_THEM)
        return _move(store, target, pointer)


def activate(store: Path, version: str) -> Pointer:
    """Make a version current that `publish(..., activate=False)` has written; the same as `rollback` to its name.

    Raises:
        BundleError: There is no such version, or it is damaged.
    """
    return rollback(store, version)


def prune(store: Path, keep: int = 5) -> list[str]:
    """Delete old versions: all but the newest sound ones, the current and the previous one.

    Args:
        store: The folder of bundles.
        keep: How many sound versions stay; damaged ones don't count, and go.

    Returns:
        The names of the deleted versions.

    Raises:
        BundleError: The pointer can't be read, so nobody knows what is in use.
    """
    if keep < 1:
        raise BundleError(f"keep must be at least 1, not {keep}")
    with locked(store):
        pointer = current(store)
        in_use = {pointer.version, pointer.previous} if pointer else set()
        names = version_names(store)
        sound = [name for name in names if examine(version_path(store, name)).bundle is not None]
        removed = [name for name in names if name not in in_use and name not in sound[-keep:]]
        for name in removed:
            remove_version(version_path(store, name))
    return removed


def export(store: Path, folder: Path, version: str | None = None) -> str:
    """Copy one version out, as a plain folder for a tarball or a Lambda layer, and verify the copy.

    Args:
        store: A store, or the folder of one version.
        folder: Must not exist yet.
        version: Of a store: this version instead of the current one.

    Returns:
        The version's name.

    Raises:
        BundleError: There is no such version, it is damaged, or the folder exists.
    """
    if folder.exists():
        raise BundleError(f"{folder} exists already", fix="name a new folder, or remove that one first")
    manifest = load(store, version).manifest
    source = store if (store / MANIFEST_NAME).is_file() else version_path(store, manifest.version)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(folder) as temporary:
        shutil.copytree(source, temporary, dirs_exist_ok=True)
        if problems := examine(temporary).problems:
            raise problems[0]
    return manifest.version


def _move(store: Path, target: str, pointer: Pointer | None) -> Pointer:
    path = existing(store, target)
    found = examine(path)
    if found.manifest is None or found.problems:
        raise BundleError(f"{target} is damaged, so it can't be current: {found.problems[0].message}", fix=LIST_THEM)
    if pointer and pointer.version < target:
        previous: str | None = pointer.version
    else:
        previous = _newest_sound_before(store, target)
    moved = Pointer(version=target, manifest_sha256=found.manifest.sha256(), previous=previous)
    point_to(store, moved)
    logger.info("current is now %s", target)
    return moved


def _one_before(store: Path, pointer: Pointer | None) -> str | None:
    if pointer and pointer.previous and examine(version_path(store, pointer.previous)).bundle is not None:
        return pointer.previous
    return _newest_sound_before(store, pointer.version if pointer else "9999")


def _newest_sound_before(store: Path, version: str) -> str | None:
    names = [name for name in version_names(store) if name < version]
    sound = (name for name in reversed(names) if examine(version_path(store, name)).bundle is not None)
    return next(sound, None)


def _pointer_if_readable(store: Path) -> Pointer | None:
    try:
        return current(store)
    except BundleError as error:
        logger.warning("the pointer was unreadable and is replaced: %s", error.message)
        return None
