"""Publishing: write aside, sync, verify, rename, and swap the pointer last."""

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from marquee.bundle.address import Place, open_store
from marquee.bundle.bundle import Bundle
from marquee.bundle.disk import on_disk, write_durably
from marquee.bundle.examine import examine
from marquee.bundle.files import encode, inconsistencies, shapes_of
from marquee.bundle.folder_store import written_aside
from marquee.bundle.gate import gate, half_comparable, incomparable, undecided
from marquee.bundle.manifest import MANIFEST_NAME, CodeVersion, FileEntry, Manifest, stamped, time_of
from marquee.bundle.metrics import Metrics
from marquee.bundle.store import CURRENT, Pointer, Store, pointer_name
from marquee.errors import BundleError, PublishRefused, StoreUnreachable

logger = logging.getLogger("marquee.bundle")


def publish(
    place: Place,
    bundle: Bundle,
    *,
    force: bool = False,
    activate: bool = True,
    channel: str = CURRENT,
    lock_timeout: float = 60.0,
) -> Bundle:
    """Add a version to a store and point a channel to it. Readers see the old or the new one, even if this dies.

    Returns the bundle as stored; its notes are impossible comparisons, and the gate's reasons that `force` overruled.
    Nothing is written if the channel's version has the same content. Without `activate` the version is only written.
    `lock_timeout` is the time to wait for another publisher, in seconds.

    Raises:
        PublishRefused: The gate's reasons against publishing.
        BundleError: The bundle is not valid, or another publisher did not finish or was faster.
    """
    draft, files = pack(bundle)
    store = open_store(place)
    pointer_name(channel)  # refuses a wrong name before anything is written
    with store.locked(lock_timeout):
        pointer, live, notes = _live(store, channel)
        if activate:
            notes += _pass_gate(draft, live, force=force)
            if live and live.content_hash() == draft.content_hash():
                return replace(bundle, stored=live, path=store.folder(live.version), notes=tuple(notes))
        manifest = stamped(draft, _time_after(store.version_names()))
        with store.new_version(manifest.version) as temporary:
            _write(temporary, manifest, files)
        if activate:
            previous = (pointer.version if live else pointer.previous) if pointer else None
            moved = Pointer(version=manifest.version, manifest_sha256=manifest.sha256(), previous=previous)
            store.point_to(moved, channel)
    logger.info("published %s%s", manifest.version, f" as {channel}" if activate else " (not activated)")
    return replace(bundle, stored=manifest, path=store.folder(manifest.version), notes=tuple(notes))


def save(bundle: Bundle, folder: Path) -> None:
    """Write a bundle into a new folder, which `marquee publish` takes, and verify it; raises as `publish` does."""
    draft, files = pack(bundle)
    with on_disk("save the model"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(folder) as temporary:
            _write(temporary, stamped(draft, _time_after([])), files)


def pack(bundle: Bundle) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest, without its time and version, and all other files by path."""
    if texts := inconsistencies(bundle):
        raise BundleError("this bundle can't be published:\n  " + "\n  ".join(texts))
    files = encode(bundle)
    hashes = {name: hashlib.sha256(raw).hexdigest() for name, raw in sorted(files.items())}
    try:
        draft = Manifest(
            version="1970-01-01T00-00-00Z-00000000",
            created=datetime.fromtimestamp(0, UTC),
            files=tuple(FileEntry(path=name, bytes=len(files[name]), sha256=sha) for name, sha in hashes.items()),
            n_movies=len(bundle.catalog),
            dimensions=bundle.two_tower.item_vectors.shape[1],
            shapes=shapes_of(bundle),
            metrics=Metrics.model_validate(_as_json(bundle.metrics.document)),
            data=bundle.data,
            config=_as_json(bundle.config),
            code_version=bundle.code_version or CodeVersion(git_commit=os.environ.get("MARQUEE_GIT_COMMIT")),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise BundleError(f"this bundle can't be published: {error}") from None
    return draft, files


def _write(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write a version, the manifest last, and verify it."""
    for name, raw in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, raw)
    write_durably(folder / MANIFEST_NAME, manifest.to_bytes())
    if problems := examine(folder, manifest.sha256()).problems:
        raise BundleError(f"what was written doesn't read back: {problems[0].message}", fix="check the disk")


def _live(store: Store, channel: str) -> tuple[Pointer | None, Manifest | None, list[str]]:
    """The pointer, the manifest behind it if that version is sound, and notes."""
    try:
        pointer = store.pointer(channel)
    except StoreUnreachable:
        raise
    except BundleError as error:
        return None, None, [f"the pointer was unreadable and is replaced: {error.message}"]
    if pointer is None:
        return None, None, []
    try:
        report = examine(store.folder(pointer.version), pointer.manifest_sha256).reached()
    except StoreUnreachable:
        raise
    except BundleError as error:
        return pointer, None, [f"not compared with {pointer.version}: {error.message}"]
    if not report.ok:
        return pointer, None, [f"not compared with {pointer.version}: {report.problems[0].message}"]
    return pointer, report.manifest, []


def _pass_gate(draft: Manifest, live: Manifest | None, *, force: bool) -> list[str]:
    """Notes for the result."""
    note = incomparable(draft.metrics, draft.data, live) if live else None
    if why := undecided(draft.metrics):
        note = f"WARNING: nothing shows that it is any good: {why}"
        replaces_judged = live and live.metrics.score() is not None and not undecided(live.metrics)
        reasons = [f"the current bundle was judged, and this one was not: {why}"] if replaces_judged else []
    else:
        reasons = gate(draft.metrics, live.metrics if live and not note else None)
    if reasons and not force:
        fix = "train a better one, or publish anyway with --force"
        raise PublishRefused("not published:\n  - " + "\n  - ".join(reasons), fix=fix)
    if live and not note:
        note = half_comparable(live)
    return ([note] if note else []) + [f"published by force, although {reason}" for reason in reasons]


def _time_after(names: list[str]) -> datetime:
    # Later than every existing version, whatever the publishers' clocks say, so that names sort in order of publishing.
    now = datetime.now(UTC).replace(microsecond=0)
    return max(now, time_of(names[-1]) + timedelta(seconds=1)) if names else now


def _as_json(value: dict[str, Any]) -> dict[str, Any]:
    """A copy with JSON's types alone; numpy's scalars and arrays become numbers and lists."""
    raw = to_json(value, inf_nan_mode="constants", fallback=lambda array: array.tolist())
    return dict(from_json(raw, allow_inf_nan=False))
