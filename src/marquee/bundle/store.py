"""The store, a folder of bundles: layout, pointer, publisher's lock, and durable writes."""

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from marquee.base_model import FrozenBaseModel
from marquee.bundle.manifest import MANIFEST_NAME, VERSION_PATTERN, Sha256, Version, first_problem, time_of
from marquee.errors import BundleError

POINTER_NAME = "CURRENT.json"
VERSIONS = "versions"
LOCK_NAME = ".publish.lock"
LIST_THEM = "see the versions with `marquee list`"
_TEMPORARY = ".tmp-"
_POINTER_LIMIT = 65_536


class Pointer(FrozenBaseModel):
    """The content of `CURRENT.json`."""

    version: Version
    manifest_sha256: Sha256
    previous: Version | None = None


def is_version_folder(path: Path) -> bool:
    """Whether the folder is itself one version, as in a tarball or a Lambda layer, and not a store of them."""
    return (path / MANIFEST_NAME).is_file()


def is_version_name(name: str) -> bool:
    """Whether a folder's name has the form of a version's, with a date that exists."""
    if re.fullmatch(VERSION_PATTERN, name) is None:
        return False
    try:
        time_of(name)
    except ValueError:
        return False
    return True


def version_path(store: Path, version: str) -> Path:
    """The folder of a version, whether it exists or not."""
    if not is_version_name(version):
        raise BundleError(f"{version!r} is not the name of a version", fix=LIST_THEM)
    return store / VERSIONS / version


def version_names(store: Path) -> list[str]:
    """The names of the versions in a store, oldest first; they may be damaged."""
    folder = store / VERSIONS
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in names if is_version_name(name))


def strange_names(store: Path) -> list[str]:
    """Folders between the versions of a store that are none, such as one with an impossible date."""
    folder = store / VERSIONS
    names = [entry.name for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    return sorted(name for name in names if not is_version_name(name) and not name.startswith(_TEMPORARY))


def current(store: Path) -> Pointer | None:
    """The pointer to the current version; None before the first one; raises a BundleError if it is unreadable."""
    path = store / POINTER_NAME
    try:
        with path.open("rb") as file:
            return Pointer.model_validate_json(file.read(_POINTER_LIMIT))
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"can't be read: {error.strerror}"
    except ValidationError as error:
        problem = f"is not a pointer: {first_problem(error)}"
    raise BundleError(f"{path} {problem}", fix="name a good version with `marquee rollback VERSION`, or publish again")


def point_to(store: Path, pointer: Pointer) -> None:
    """Replace the pointer atomically: a reader sees the old one or the new one, even if the power fails."""
    temporary = store / f"{POINTER_NAME}{_TEMPORARY}{secrets.token_hex(4)}"
    write_durably(temporary, pointer.model_dump_json(indent=1, exclude_none=True).encode() + b"\n")
    temporary.replace(store / POINTER_NAME)
    sync_folder(store)


def write_durably(path: Path, raw: bytes) -> None:
    """Write a new file and sync it to disk."""
    with path.open("xb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Sync a folder's entries to disk: a rename is only durable after that."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A temporary folder that is renamed to `path` at the end, or removed if writing fails.

    If the process dies, the next publisher removes it. `tempfile.mkdtemp` would lock out servers of other users.
    """
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    temporary.mkdir()
    try:
        yield temporary
        for place, _, _ in os.walk(temporary, topdown=False):
            sync_folder(Path(place))
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def remove_version(path: Path) -> None:
    """Delete a version in one step for readers. The caller holds the lock."""
    hidden = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    path.rename(hidden)
    shutil.rmtree(hidden)


@contextmanager
def locked(store: Path, timeout: float = 60.0) -> Iterator[None]:
    """Hold the publisher's lock, after at most `timeout` seconds. The kernel releases it if the process dies."""
    (store / VERSIONS).mkdir(parents=True, exist_ok=True)
    path = store / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _wait_for(descriptor, path, timeout)
        _remove_leftovers(store)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, path: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                message = f"another publisher has held {path} for {timeout:g} s"
                raise BundleError(message, fix="let it finish, then publish again") from None
            time.sleep(0.02)


def _remove_leftovers(store: Path) -> None:
    # The lock's holder is alone, so every temporary file belongs to a publisher that died.
    for path in (*(store / VERSIONS).glob(f"{_TEMPORARY}*"), *store.glob(f"{POINTER_NAME}{_TEMPORARY}*")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
