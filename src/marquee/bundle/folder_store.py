"""A folder of bundles: durable writes, a pointer that is replaced by renaming, and a lock that the kernel keeps."""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from marquee.bundle.disk import LACKING, on_disk, sync_folder, warn_once, write_durably
from marquee.bundle.examine import is_version_folder, is_version_name, read_manifest
from marquee.bundle.manifest import Manifest
from marquee.bundle.store import (
    CURRENT,
    LIST_THEM,
    TEMPORARY,
    VERSIONS,
    Pointer,
    Store,
    check_version_name,
    parse_pointer,
    pointer_bytes,
    pointer_name,
    unreadable_pointer,
)
from marquee.errors import BundleError, StoreBusy

LOCK_NAME = ".publish.lock"
_POINTER_LIMIT = 65_536
DOCUMENT_SECONDS = 10.0


class FolderStore(Store):
    """A store in a folder, or the folder of one version, which can only be read."""

    def __init__(self, path: Path) -> None:
        self.path, self.address, self.work = path, str(path), path / ".work"

    @property
    def is_one_version(self) -> bool:
        """See `Store`. Looked up each time, since a mounted volume can be swapped as a whole."""
        return is_version_folder(self.path)

    @on_disk("read the store")
    def pointer(self, channel: str = CURRENT) -> Pointer | None:
        """See `Store`. One version is its own pointer."""
        if self.is_one_version:
            manifest = read_manifest(self.path)
            return Pointer(version=manifest.version, manifest_sha256=manifest.sha256())
        path = self.path / pointer_name(channel)
        try:
            with path.open("rb") as file:
                raw = file.read(_POINTER_LIMIT)
        except FileNotFoundError:
            return None
        except IsADirectoryError as error:
            raise unreadable_pointer(str(path), f"can't be read: {error.strerror}") from None
        return parse_pointer(raw, str(path))

    @on_disk("move the pointer")
    def point_to(self, pointer: Pointer, channel: str = CURRENT) -> None:
        """See `Store`."""
        self.write_pointer(pointer, channel)

    def write_pointer(self, pointer: Pointer, channel: str = CURRENT) -> None:
        """Replace a pointer. Raises OSError."""
        _replace(self.path / pointer_name(channel), pointer_bytes(pointer))

    @on_disk("read the store")
    def channels(self) -> list[str]:
        """See `Store`."""
        if self.is_one_version:
            return [CURRENT]
        named = sorted(path.stem for path in self.path.glob("channels/*.json"))
        return [name for name in (CURRENT, *named) if (self.path / pointer_name(name)).is_file()]

    @on_disk("read the store")
    def version_names(self) -> list[str]:
        """See `Store`."""
        if self.is_one_version:
            return [read_manifest(self.path).version]
        return [name for name in self._entries() if is_version_name(name)]

    @on_disk("read the store")
    def strange_names(self) -> list[str]:
        """See `Store`."""
        folders = (name for name in self._entries() if (self.path / VERSIONS / name).is_dir())
        return [name for name in folders if not is_version_name(name) and not name.startswith(TEMPORARY)]

    @on_disk("read the store")
    def folder(self, version: str) -> Path:
        """See `Store`."""
        if self.is_one_version:
            if version != read_manifest(self.path).version:
                raise BundleError(f"{self.path} is one version, not a store, so {version} can't be chosen in it")
            return self.path
        check_version_name(version)
        path = self.path / VERSIONS / version
        if not path.is_dir():
            raise BundleError(f"no version {version} in {self.path}", fix=LIST_THEM)
        return path

    @on_disk("read the store")
    def manifest(self, version: str) -> Manifest:
        """See `Store`."""
        return read_manifest(self.folder(version))

    @contextmanager
    def new_version(self, version: str) -> Iterator[Path]:
        """See `Store`."""
        with on_disk("write a version"), written_aside(self.path / VERSIONS / version) as temporary:
            yield temporary

    @on_disk("delete a version")
    def remove(self, version: str) -> None:
        """See `Store`. Readers see all of it or nothing."""
        path = self.folder(version)
        hidden = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        path.rename(hidden)
        shutil.rmtree(hidden)

    @on_disk("read the store")
    def document(self, name: str) -> tuple[bytes | None, bytes | None]:
        """See `Store`."""
        try:
            raw = (self.path / name).read_bytes()
        except FileNotFoundError:
            raw = None
        return raw, raw

    @on_disk("write to the store")
    def replace_document(self, name: str, raw: bytes, known: Any) -> bool:
        """See `Store`."""
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / f".{name}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _wait_for(descriptor, path, DOCUMENT_SECONDS)
            for leftover in self.path.glob(f"{name}{TEMPORARY}*"):
                leftover.unlink()
            if self.document(name)[0] != known:
                return False
            _replace(self.path / name, raw)
        finally:
            os.close(descriptor)
        return True

    @contextmanager
    def locked(self, timeout: float = 60.0) -> Iterator[None]:
        """See `Store`."""
        if self.is_one_version:
            raise BundleError(f"{self.path} is one version, not a store", fix="name a store, such as artifacts")
        with on_disk("lock the store"):
            (self.path / VERSIONS).mkdir(parents=True, exist_ok=True)
            path = self.path / LOCK_NAME
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with on_disk("lock the store"):
                if _wait_for(descriptor, path, timeout):
                    self._remove_leftovers()
            yield
        finally:
            os.close(descriptor)

    def _probe(self) -> None:
        super()._probe()
        name = f"{TEMPORARY}{secrets.token_hex(8)}"
        with on_disk("write a version"), written_aside(self.path / VERSIONS / f"{name}-tried") as temporary:
            write_durably(temporary / name, b"")
        with on_disk("delete a version"):
            shutil.rmtree(self.path / VERSIONS / f"{name}-tried")
        old, new = (self.path / f"{CURRENT}.json{name}-{which}" for which in ("old", "new"))
        with on_disk("move the pointer"):
            write_durably(old, b"")
            write_durably(new, b"")
            new.replace(old)
            old.unlink()

    def _entries(self) -> list[str]:
        folder = self.path / VERSIONS
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def _remove_leftovers(self) -> None:
        # The lock's holder is alone, so every temporary file belongs to a publisher that died.
        # Those of documents belong to holders of their own locks.
        pointers = f"{pointer_name(CURRENT)}{TEMPORARY}*"
        for pattern in (f"{VERSIONS}/{TEMPORARY}*", pointers, f"channels/*.json{TEMPORARY}*"):
            for path in self.path.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def _replace(path: Path, raw: bytes) -> None:
    """Replace a file: a reader sees the old content or the new one, even if the power fails. Raises OSError."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f"{path.name}{TEMPORARY}{secrets.token_hex(4)}")
    write_durably(temporary, raw)
    temporary.replace(path)
    sync_folder(path.parent)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A temporary folder that is renamed to `path` at the end, or removed if writing fails.

    If the process dies, the next publisher removes it. `tempfile.mkdtemp` would lock out servers of other users.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
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


def _wait_for(descriptor: int, path: Path, timeout: float) -> bool:
    """Wait for the lock; False if the file system has none."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                message = f"another publisher has held {path} for {timeout:g} s"
                raise StoreBusy(message, fix="let it finish, then publish again") from None
            time.sleep(0.02)
        except OSError as error:
            if error.errno not in LACKING:
                raise
            # Safe: versions have names of their own, and pointers are renamed into place. Of two publishers at once,
            # the last one wins.
            warn_once("this file system has no locks (flock): let only one publisher run at a time")
            return False
        else:
            return True
