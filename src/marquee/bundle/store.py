"""The store of bundles, a folder or a bucket: versions, channels' pointers, and the publisher's lock."""

import re
import secrets
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from marquee.base_model import FrozenBaseModel
from marquee.bundle.disk import on_disk, write_durably
from marquee.bundle.examine import Report, examine, is_version_name
from marquee.bundle.manifest import Manifest, Sha256, Version, first_problem
from marquee.errors import BundleError, StoreBusy

CURRENT = "current"
"""The channel that servers follow unless MARQUEE_MODEL names another."""
VERSIONS = "versions"
LIST_THEM = "see the versions with `marquee list`"
TEMPORARY = ".tmp-"
CHANNEL_PATTERN = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


class Pointer(FrozenBaseModel):
    """The content of `CURRENT.json`, or of another channel's file."""

    version: Version
    manifest_sha256: Sha256
    previous: Version | None = None


class Store(ABC):
    """A place of bundles. Versions never change; only the pointers move.

    `address` is its folder or URL, `work` a local folder for unfinished training.
    """

    address: str
    work: Path

    @property
    def trouble(self) -> str | None:
        """Why the store can't be reached, though its last known state is used; None if it can."""
        return None

    @property
    def is_one_version(self) -> bool:
        """Whether this is the folder of one version, as in a tarball or a Lambda layer, and not a store of them."""
        return False

    @abstractmethod
    def pointer(self, channel: str = CURRENT) -> Pointer | None:
        """The pointer of a channel; None before its first version.

        Raises:
            BundleError: It is unreadable, or the store can't be reached.
        """

    def last_pointer(self, channel: str = CURRENT) -> Pointer | None:
        """The same for servers: while the store can't be reached, the pointer that was read last."""
        return self.pointer(channel)

    @abstractmethod
    def point_to(self, pointer: Pointer, channel: str = CURRENT) -> None:
        """Replace a channel's pointer atomically. The caller holds the lock, and has read the pointer since.

        Raises:
            BundleError: Another publisher has moved the pointer since.
        """

    @abstractmethod
    def channels(self) -> list[str]:
        """The names of the channels that have a pointer, `current` first."""

    @abstractmethod
    def version_names(self) -> list[str]:
        """The names of the versions, oldest first; they may be damaged."""

    def strange_names(self) -> list[str]:
        """Folders between the versions that are none, such as one with an impossible date."""
        return []

    @abstractmethod
    def folder(self, version: str) -> Path:
        """The local folder of a version, which is downloaded if it has to be; a BundleError if there is none."""

    def forget(self, version: str) -> bool:  # noqa: ARG002 - a folder has no copies
        """Remove the local copy of a version, if any, so that the next reader downloads it again."""
        return False

    @abstractmethod
    def manifest(self, version: str) -> Manifest:
        """A version's manifest."""

    @on_disk("read a version")
    def report(self, version: str, manifest_sha256: str | None = None) -> tuple[Report, int]:
        """A version's state for a list, and the size of its files in bytes."""
        folder = self.folder(version)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        return examine(folder, manifest_sha256), size

    @abstractmethod
    def new_version(self, version: str) -> AbstractContextManager[Path]:
        """An empty folder to write and verify a version in. It is added to the store at the end, unless that raises."""

    @abstractmethod
    def remove(self, version: str) -> None:
        """Delete a version. The caller holds the lock."""

    @abstractmethod
    def document(self, name: str) -> tuple[bytes | None, Any]:
        """The content of a small file beside the pointers, None if there is none, and what stands for this state of it.

        Raises:
            BundleError: The store can't be reached.
        """

    @abstractmethod
    def replace_document(self, name: str, raw: bytes, known: Any) -> bool:
        """Write such a file, as a whole, if it is as it was when `known` was read; returns whether it was."""

    @abstractmethod
    def locked(self, timeout: float = 60.0) -> AbstractContextManager[None]:
        """The publisher's lock, after at most `timeout` seconds; it ends with its holder, even if that is killed."""

    def check(self) -> None:
        """Try what publishing needs, in a few milliseconds, and leave nothing behind.

        Raises:
            StoreUnreachable: What was tried, why it failed, and the fix; `StoreUnusable` if it won't pass by itself.
        """
        with suppress(StoreBusy), self.locked(timeout=0):  # another publisher has proved it
            self._probe()

    def _probe(self) -> None:
        """What `check` tries while it holds the lock."""
        path = self.work / f"{TEMPORARY}{secrets.token_hex(8)}"
        with on_disk("save unfinished training"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, b"")
            path.unlink()

    def __str__(self) -> str:
        return self.address


def pointer_name(channel: str) -> str:
    """The file of a channel's pointer, relative to the store."""
    if re.fullmatch(CHANNEL_PATTERN, channel) is None or is_version_name(channel):
        fix = f"{LIST_THEM}; a channel has small letters, digits and dashes, such as staging"
        raise BundleError(f"{channel!r} is not the name of a version or channel", fix=fix)
    return "CURRENT.json" if channel == CURRENT else f"channels/{channel}.json"


def check_version_name(version: str) -> None:
    """Raise a BundleError if this is not the form of a version's name."""
    if not is_version_name(version):
        raise BundleError(f"{version!r} is not the name of a version", fix=LIST_THEM)


def parse_pointer(raw: bytes, where: str) -> Pointer:
    """Parse the bytes of a pointer; `where` is its file, for messages."""
    try:
        return Pointer.model_validate_json(raw)
    except ValidationError as error:
        raise unreadable_pointer(where, f"is not a pointer: {first_problem(error)}") from None


def unreadable_pointer(where: str, problem: str) -> BundleError:
    """The error of a pointer that exists and is of no use."""
    return BundleError(
        f"{where} {problem}", fix="name a good version with `marquee rollback VERSION`, or publish again"
    )


def pointer_bytes(pointer: Pointer) -> bytes:
    """The content of a pointer's file."""
    return pointer.model_dump_json(indent=1, exclude_none=True).encode() + b"\n"
