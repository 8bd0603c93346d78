"""Reading a bundle: every byte is verified before any of it is used."""

import logging
from dataclasses import replace
from pathlib import Path

from marquee.bundle.bundle import Bundle
from marquee.bundle.examine import Examination, examine
from marquee.bundle.store import (
    LIST_THEM,
    POINTER_NAME,
    Pointer,
    current,
    is_version_folder,
    version_names,
    version_path,
)
from marquee.errors import BundleError

logger = logging.getLogger("marquee.bundle")


def load(path: Path, version: str | None = None, *, fall_back: bool = False, mapped: bool = False) -> Bundle:
    """Load a bundle after verifying the hash of every file, all shapes, and that the parts fit each other.

    The arrays are copies in memory, unless `mapped`: a file that is cut short later would crash a server that maps it,
    and what was verified is what is used.

    Args:
        path: A store, or the folder of one version.
        version: Of a store: this version instead of the current one.
        fall_back: Of a store: where the current version is missing or damaged, take the previous one;
            `Bundle.notes` and a log line then say so.
        mapped: Map the arrays' files instead of copying them. For files that nothing can change, as in a Lambda layer.

    Raises:
        BundleError: There is no bundle, or it is incomplete, altered, or of a newer schema.
    """
    if is_version_folder(path):
        if version is not None and path.resolve().name != version:
            raise BundleError(f"{path} is one version, not a store, so {version} can't be chosen in it")
        return _sound(examine(path, mapped=mapped))
    if version is not None:
        return _sound(examine(existing(path, version), mapped=mapped))
    pointer = pointer_or_refuse(path)
    for _ in range(3):
        found = examine(version_path(path, pointer.version), pointer.manifest_sha256, mapped=mapped)
        newer = pointer_or_refuse(path)
        if found.bundle is not None or newer == pointer:
            break
        pointer = newer  # published and pruned while we were reading
    if found.bundle is None and fall_back and pointer.previous is not None:
        return _previous(path, pointer, found, mapped=mapped)
    return _sound(found)


def pointer_or_refuse(store: Path) -> Pointer:
    """The pointer of a store.

    Raises:
        BundleError: The folder holds no bundle, or its pointer can't be read.
    """
    if (pointer := current(store)) is not None:
        return pointer
    if version_names(store):
        raise BundleError(
            f"{store / POINTER_NAME} is missing, so no version is current",
            fix="choose one with `marquee rollback VERSION`",
        )
    raise BundleError(f"no bundle in {store}", fix="make one with `marquee train`, or name another folder")


def existing(store: Path, version: str) -> Path:
    """The folder of a version.

    Raises:
        BundleError: There is no such version.
    """
    folder = version_path(store, version)
    if not folder.is_dir():
        raise BundleError(f"no version {version} in {store}", fix=LIST_THEM)
    return folder


def _sound(found: Examination) -> Bundle:
    if found.bundle is None:
        first, *others = found.problems
        more = f" (and {len(others)} more; `marquee verify` lists them)" if others else ""
        raise BundleError(first.message + more, fix=first.fix)
    return found.bundle


def _previous(store: Path, pointer: Pointer, found: Examination, *, mapped: bool) -> Bundle:
    assert pointer.previous is not None  # noqa: S101 - the caller asked
    older = examine(version_path(store, pointer.previous), mapped=mapped)
    if older.bundle is None:
        return _sound(found)
    note = f"fell back to {pointer.previous}, since {pointer.version} is damaged: {found.problems[0].message}"
    logger.warning("%s", note)
    return replace(older.bundle, notes=(note,))
