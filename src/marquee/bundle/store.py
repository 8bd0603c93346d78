"""The folder of bundles: where things lie, the pointer, the publisher's lock, and writes that survive a crash."""

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from marquee.bundle.manifest import MANIFEST_NAME, VERSION_PATTERN, Sha256, Version
from marquee.errors import BundleError

POINTER_NAME = "CURRENT.json"
VERSIONS = "versions"
LOCK_NAME = ".publish.lock"
LIST_THEM = "see the versions with `marquee list`"
_TEMPORARY = ".tmp-"
_POINTER_LIMIT = 65_536


class Pointer(BaseModel):
    """What `CURRENT.json` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Version
    manifest_sha256: Sha256
    previous: Version | None = None


def is_version_folder(path: Path) -> bool:
    """Whether the folder is itself one version, as in a tarball or a Lambda layer, and not a store of them."""
    return (path / MANIFEST_NAME).is_file()


def is_version_name(name: str) -> bool:
    """Whether a folder's name has the form of a version's."""
    return re.fullmatch(VERSION_PATTERN, name) is not None


def version_path(store: Path, version: str) -> Path:
    """Where a version lies, whether it exists or not.

    Raises:
        BundleError: The name is not a version's.
    """
    if not is_version_name(version):
        raise BundleError(f"{version!r} is not the name of a version", fix=LIST_THEM)
    return store / VERSIONS / version


def version_names(store: Path) -> list[str]:
    """The names of the versions in a store, oldest first; no promise that they are sound."""
    folder = store / VERSIONS
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in names if is_version_name(name))


def current(store: Path) -> Pointer | None:
    """The pointer to the current version; None where nothing was published yet.

    Raises:
        BundleError: CURRENT.json can't be read as a pointer.
    """
    path = store / POINTER_NAME
    fix = "name a good version with `marquee rollback VERSION`, or publish again"
    try:
        with path.open("rb") as file:
            raw = file.read(_POINTER_LIMIT)
        return Pointer.model_validate_json(raw)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror}", fix=fix) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path} is not a pointer: {place + ': ' if place else ''}{first['msg']}", fix=fix) from None


def point_to(store: Path, pointer: Pointer) -> None:
    """Swap the pointer: a reader sees the old one or the new one, whenever the power fails."""
    temporary = store / f"{POINTER_NAME}{_TEMPORARY}{secrets.token_hex(4)}"
    write_durably(temporary, pointer.model_dump_json(indent=1, exclude_none=True).encode() + b"\n")
    temporary.replace(store / POINTER_NAME)
    sync_folder(store)


def write_durably(path: Path, raw: bytes) -> None:
    """Write a new file, and return when the disk has it."""
    with path.open("xb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Return when the disk has the folder's entries: a rename is only durable after that."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A folder to write in, that appears under its final name in one step, and not at all if writing fails.

    Readers never look into it; if we die, the next publisher clears it away. It isn't made by `tempfile.mkdtemp`,
    whose mode 0700 would lock out servers that run as another user.
    """
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    temporary.mkdir()
    try:
        yield temporary
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def remove_version(path: Path) -> None:
    """Delete a version so that no reader ever meets half of it. The caller holds the lock."""
    hidden = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    path.rename(hidden)
    shutil.rmtree(hidden)


@contextmanager
def locked(store: Path, timeout: float = 60.0) -> Iterator[None]:
    """Be the only one who changes the store. A publisher that dies lets go of the lock, since the kernel closes it.

    Args:
        store: Made if it is missing.
        timeout: Seconds to wait for another publisher.

    Raises:
        BundleError: Another publisher held the lock all the time.
    """
    (store / VERSIONS).mkdir(parents=True, exist_ok=True)
    path = store / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _wait_for(descriptor, path, timeout)
        _clear_leftovers(store)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, path: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise BundleError(
                    f"another publisher has held {path} for {timeout:g} s", fix="let it finish, then publish again"
                ) from None
            time.sleep(0.02)
        else:
            return


def _clear_leftovers(store: Path) -> None:
    # Whoever holds the lock is alone, so every temporary thing belongs to a publisher that died.
    for path in (*(store / VERSIONS).glob(f"{_TEMPORARY}*"), *store.glob(f"{POINTER_NAME}{_TEMPORARY}*")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
