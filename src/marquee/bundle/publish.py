"""Publishing: write aside, sync, verify, rename, and swap the pointer last."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from marquee.bundle.bundle import Bundle
from marquee.bundle.checks import inconsistencies
from marquee.bundle.examine import examine
from marquee.bundle.files import encode, shapes_of
from marquee.bundle.gate import MARGIN, gate, half_comparable, incomparable
from marquee.bundle.manifest import MANIFEST_NAME, CodeVersion, FileEntry, Manifest, stamped, time_of
from marquee.bundle.store import (
    Pointer,
    current,
    locked,
    point_to,
    sync_folder,
    version_names,
    version_path,
    write_durably,
    written_aside,
)
from marquee.errors import BundleError, PublishRefused

logger = logging.getLogger("marquee.bundle")


@dataclass(frozen=True)
class Published:
    """What a publish did.

    Attributes:
        manifest: Of the version.
        path: The version's folder.
        activated: Whether the pointer names it now.
        written: False where the current version already held exactly this, so that nothing had to be done.
        notes: What a person should know: comparisons that weren't possible, reasons that force overruled.
    """

    manifest: Manifest
    path: Path
    activated: bool
    written: bool
    notes: tuple[str, ...] = ()


def publish(
    store: Path,
    contents: Bundle,
    *,
    force: bool = False,
    activate: bool = True,
    margin: float = MARGIN,
    git_commit: str | None = None,
    lock_timeout: float = 60.0,
) -> Published:
    """Add a version to a store and make it the current one. Whenever it dies, readers see the old or the new one.

    Args:
        store: The folder of bundles; made if it is missing.
        contents: What training made.
        force: Publish even if the gate has reasons against it.
        activate: False only writes the version; `activate` of this package makes it current later.
        margin: How much NDCG@10 the bundle may lose against the current one.
        git_commit: The commit of the code that trained it; the environment's MARQUEE_GIT_COMMIT, if not given.
            `Bundle.code_version` goes before both.
        lock_timeout: Seconds to wait while another publisher is at work.

    Raises:
        PublishRefused: The gate has reasons against it; all of them are named.
        BundleError: The contents are not sound, or another publisher never finished.
    """
    draft, files = pack(contents, git_commit=git_commit or os.environ.get("MARQUEE_GIT_COMMIT"))
    with locked(store, lock_timeout):
        pointer, live, notes = _live(store)
        if activate:
            notes += _pass_gate(draft, live, margin=margin, force=force)
            if pointer and live and live.content_hash() == draft.content_hash():
                return Published(live, version_path(store, live.version), True, False, tuple(notes))
        manifest = stamped(draft, _time_after(version_names(store)))
        path = version_path(store, manifest.version)
        with written_aside(path) as temporary:
            _write(temporary, manifest, files)
        if activate:
            previous = (pointer.version if live else pointer.previous) if pointer else None
            point_to(store, Pointer(version=manifest.version, manifest_sha256=manifest.sha256(), previous=previous))
    logger.info("published %s%s", manifest.version, "" if activate else " (not activated)")
    return Published(manifest, path, activate, True, tuple(notes))


def write_folder(
    folder: Path, contents: Bundle, *, created: datetime | None = None, git_commit: str | None = None
) -> Manifest:
    """Write one version as a plain folder, for a tarball or a Lambda layer; no store, no pointer, no gate.

    Args:
        folder: Must not exist yet.
        contents: What to write.
        created: Time of writing; now, if not given. The same contents and time give the same bytes.
        git_commit: The commit of the code, if known.

    Raises:
        BundleError: The contents are not sound, or the folder exists.
    """
    if folder.exists():
        raise BundleError(f"{folder} exists already", fix="name a new folder, or remove that one first")
    draft, files = pack(contents, git_commit=git_commit)
    manifest = stamped(draft, created or datetime.now(UTC))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(folder) as temporary:
        _write(temporary, manifest, files)
    return manifest


def pack(contents: Bundle, *, git_commit: str | None = None) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest, still without its time and version, and every other file by its path.

    Raises:
        BundleError: The contents are not sound.
    """
    if texts := inconsistencies(contents.catalog, contents.two_tower, contents.item_cf):
        raise BundleError("these contents can't be published:\n  " + "\n  ".join(texts))
    files = encode(contents)
    try:
        draft = Manifest(
            version="1970-01-01T00-00-00Z-00000000",
            created=datetime.fromtimestamp(0, UTC),
            files=tuple(
                FileEntry(path=name, bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())
                for name, raw in sorted(files.items())
            ),
            n_movies=len(contents.catalog),
            dimensions=contents.two_tower.item_vectors.shape[1],
            shapes=shapes_of(files),
            metrics=_as_json(contents.metrics),
            data=contents.data,
            config=_as_json(contents.config),
            code_version=contents.code_version or CodeVersion(git_commit=git_commit),
        )
    except (ValueError, TypeError) as error:
        raise BundleError(f"these contents can't be published: {error}") from None
    return draft, files


def _write(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write a version, the manifest last, and verify it."""
    for name, raw in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, raw)
    write_durably(folder / MANIFEST_NAME, manifest.to_bytes())
    for place, _, _ in os.walk(folder, topdown=False):
        sync_folder(Path(place))
    if problems := examine(folder, manifest.sha256()).problems:
        raise BundleError(f"what was written doesn't read back: {problems[0].message}", fix="check the disk")


def _live(store: Path) -> tuple[Pointer | None, Manifest | None, list[str]]:
    """The pointer and the manifest behind it, if that version is sound."""
    try:
        pointer = current(store)
    except BundleError as error:
        return None, None, [f"the pointer was unreadable and is replaced: {error.message}"]
    if pointer is None:
        return None, None, []
    found = examine(version_path(store, pointer.version), pointer.manifest_sha256)
    if found.bundle is None:
        return pointer, None, [f"not compared with {pointer.version}: {found.problems[0].message}"]
    return pointer, found.manifest, []


def _pass_gate(draft: Manifest, live: Manifest | None, *, margin: float, force: bool) -> list[str]:
    """Notes for the result.

    Raises:
        PublishRefused: There are reasons against it, and no force.
    """
    notes = []
    if live and (why := incomparable(draft.metrics, draft.data, live)):
        notes.append(why)
    reasons = gate(draft.metrics, live.metrics if live and not notes else None, margin)
    if live and not notes and (why := half_comparable(live)):
        notes.append(why)
    if reasons and not force:
        raise PublishRefused(
            "not published:\n  - " + "\n  - ".join(reasons), fix="train a better one, or publish anyway with --force"
        )
    return notes + [f"published by force, although {reason}" for reason in reasons]


def _time_after(names: list[str]) -> datetime:
    # Strictly later than every version there is, whatever the clocks of the publishers say: so the names sort in
    # the order of publishing, and never collide.
    now = datetime.now(UTC).replace(microsecond=0)
    return max(now, time_of(names[-1]) + timedelta(seconds=1)) if names else now


def _as_json(value: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(value, allow_nan=False, default=_plain)
    return dict(json.loads(text))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{value!r} has no place in JSON")
