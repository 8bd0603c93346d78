"""Loading and verifying bundles out of a store."""

import logging
from dataclasses import replace
from pathlib import Path

from marquee.bundle.address import Place, open_store
from marquee.bundle.bundle import Bundle
from marquee.bundle.examine import Report, examine, is_version_name
from marquee.bundle.store import CURRENT, Pointer, Store, pointer_name
from marquee.errors import BundleError

logger = logging.getLogger("marquee.bundle")


def load(place: Place, version: str | None = None, *, fall_back: bool = False, mapped: bool = False) -> Bundle:
    """Load a bundle after verifying the hash of every file, all shapes, and that the parts fit each other.

    `place` is a store, its address, or the folder of one version; `version` is the name of a version or a channel, by
    default the current one. With `fall_back`, a channel's damaged version is replaced by the previous one;
    `Bundle.notes` and a log line say so. Arrays are copied to memory, unless `mapped`: a mapped file that is cut short
    crashes a server, so map only what can't change, as in a Lambda layer.

    Raises:
        BundleError: There is no bundle, or it is incomplete, altered, or of a newer schema.
    """
    store, model = open_store(place), CURRENT if version is None else version
    located = locate(store, model)
    for attempt in range(3):
        report = _examine(store, *located, mapped=mapped)
        if report.ok:
            break
        again = store.forget(located[0]) and attempt == 0  # damaged on its way, or on this disk
        if not again and located == (newer := locate(store, model)):
            break
        located = located if again else newer  # published and pruned while we were reading
    if report.bundle is None and fall_back and (previous := _previous(store, model, report)):
        return previous
    if report.bundle is None:
        first, *others = report.problems
        more = f" (and {len(others)} more; `marquee verify` lists them)" if others else ""
        raise type(first)(first.message + more, fix=first.fix)
    return report.bundle


def verify(place: Place, version: str | None = None) -> Report:
    """Check one version, chosen as by `load`, and report all problems. A bucket's files are downloaded again."""
    store = open_store(place)
    try:
        located = locate(store, CURRENT if version is None else version)
    except BundleError as error:
        return Report(Path(store.address), (error,))
    store.forget(located[0])
    report = _examine(store, *located)
    if not report.ok:
        store.forget(located[0])
    return report


def current(place: Place, channel: str = CURRENT) -> Pointer | None:
    """The pointer of a channel; None before its first version; raises a BundleError if it is unreadable."""
    return open_store(place).pointer(channel)


def locate(store: Store, model: str) -> tuple[str, str]:
    """The version that a channel or a version's name stands for, and the hash of its manifest."""
    if is_version_name(model):
        return model, store.manifest(model).sha256()
    pointer = pointer_or_refuse(store, model)
    return pointer.version, pointer.manifest_sha256


def pointer_or_refuse(store: Store, channel: str = CURRENT) -> Pointer:
    """The pointer of a channel that has one."""
    if (pointer := store.last_pointer(channel)) is not None:
        return pointer
    name = pointer_name(channel)
    if channel != CURRENT and store.last_pointer() is not None:
        raise BundleError(
            f"{store}/{name} is missing: nothing was promoted to {channel}", fix="see `marquee promote --help`"
        )
    if store.version_names():
        fix = "choose one with `marquee rollback VERSION`"
        raise BundleError(f"{store}/{name} is missing, so no version is {channel}", fix=fix)
    raise BundleError(f"no bundle in {store}", fix="make one with `marquee train`, or name another folder")


def _examine(store: Store, version: str, manifest_sha256: str | None, *, mapped: bool = False) -> Report:
    try:
        folder = store.folder(version)
    except BundleError as error:
        return Report(Path(store.address), (error,))
    return examine(folder, manifest_sha256, mapped=mapped)


def _previous(store: Store, channel: str, damaged: Report) -> Bundle | None:
    pointer = None if is_version_name(channel) else store.last_pointer(channel)
    if pointer is None or pointer.previous is None:
        return None
    bundle = _examine(store, pointer.previous, None).bundle
    if bundle is None:
        return None
    note = f"fell back to {bundle.version}, since {pointer.version} is damaged: {damaged.problems[0].message}"
    logger.warning("%s", note)
    return replace(bundle, notes=(note,))
