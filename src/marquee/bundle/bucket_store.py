"""A bucket of bundles (S3, GCS, Azure Blob): pointers move by conditional writes, readers keep a bounded local copy."""

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from marquee.bundle.examine import Report, examine, is_version_name
from marquee.bundle.folder_store import FolderStore, written_aside
from marquee.bundle.lease import Lease, first_line, update_of
from marquee.bundle.manifest import MANIFEST_NAME, REPAIR, Manifest, parse_manifest
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
)
from marquee.errors import BundleError, ConfigError, StoreBusy, StoreUnreachable, StoreUnusable

logger = logging.getLogger("marquee.bundle")

CACHED = 3
"""Versions in the local cache: the one in use, the one before, and one that arrives."""
LEASE_SECONDS = 15.0
_ENDPOINTS = ("AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT")
_LEFTOVER_SECONDS = 3600.0
_RETRY = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1), "base": 2}


class BucketStore(Store):
    """A store in a bucket. Credentials and endpoints come from the usual variables of each cloud.

    Files that servers read are synced into a folder below `cache`, which has a store's layout: `CURRENT.json` there is
    the pointer that was read last, so that a server can start again while the bucket is gone.
    """

    def __init__(self, address: str, *, cache: Path | None = None, lease_seconds: float = LEASE_SECONDS) -> None:
        self.address = address.rstrip("/")
        self._lease_seconds = lease_seconds
        # Pointers are read every few seconds, and should fail soon; a version's files may be long.
        self._soon = connect(self.address, seconds=5.0, retries=1)
        self._bucket = connect(self.address, seconds=600.0, retries=4)
        given = cache or os.environ.get("MARQUEE_CACHE_DIR")  # commands have no settings
        root = Path(given or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "marquee" / "stores")
        self._local = FolderStore(root / hashlib.sha256(self.address.encode()).hexdigest()[:16])
        self.work = self._local.work
        self._tags: dict[str, Any] = {}  # of pointers, as the publisher read them last
        self._polled: dict[str, tuple[str, Pointer]] = {}  # of servers: ETag and pointer
        self._documents: dict[str, tuple[bytes, Any]] = {}  # as they were read last, and their properties
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """See `Store`."""
        return self._trouble

    def pointer(self, channel: str = CURRENT) -> Pointer | None:
        """See `Store`. Remembers the object's version for the next `point_to`."""
        name = pointer_name(channel)
        self._tags.pop(channel, None)
        try:
            self._tags[channel], raw = self._get(name)
        except FileNotFoundError:
            return None
        return parse_pointer(raw, f"{self}/{name}")

    def last_pointer(self, channel: str = CURRENT) -> Pointer | None:
        """See `Store`. Only asks whether the pointer has changed."""
        name = pointer_name(channel)
        known = self._polled.get(channel)
        options = {"if_none_match": known[0]} if known else {}
        try:
            meta, raw = self._get(name, **options)
        except FileNotFoundError:
            self._note(None)
            return None
        except NotModifiedError:
            self._note(None)
            return known[1] if known else None
        except StoreUnreachable as error:
            last = known[1] if known else self._local.pointer(channel)
            if last is None:
                raise
            self._note(error.message)
            return last
        self._note(None)
        pointer = parse_pointer(raw, f"{self}/{name}")
        self._polled[channel] = (str(meta["e_tag"]), pointer)
        with self._cache():
            self._local.write_pointer(pointer, channel)
        return pointer

    def point_to(self, pointer: Pointer, channel: str = CURRENT) -> None:
        """See `Store`. A conditional write, so that of two publishers one wins, even if a lease was lost."""
        name, raw, tag = pointer_name(channel), pointer_bytes(pointer), self._tags.get(channel)
        try:
            mode: Any = update_of(tag) if tag else "create"
            self._reach(obstore.put, self._soon, name, raw, mode=mode)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            # A write whose answer was lost is sent again, and then fails because of itself.
            if self.pointer(channel) != pointer:
                fix = "see `marquee list`, then publish again"
                raise StoreBusy(f"another publisher moved {self}/{name} meanwhile", fix=fix) from None

    def channels(self) -> list[str]:
        """See `Store`."""
        folders = (None, "channels")
        found = [self._reach(obstore.list_with_delimiter, self._bucket, folder)["objects"] for folder in folders]
        names = {entry["path"] for entries in found for entry in entries}
        named = sorted(Path(name).stem for name in names if name.startswith("channels/"))
        return [channel for channel in (CURRENT, *named) if pointer_name(channel) in names]

    def version_names(self) -> list[str]:
        """See `Store`. A version whose manifest, which is written last, is still missing is none."""
        return _complete(self._entries(VERSIONS))

    def folder(self, version: str) -> Path:
        """See `Store`."""
        check_version_name(version)
        path = self._local.path / VERSIONS / version
        if not path.is_dir():
            manifest, raw = self._manifest(version)
            with self._cache(), suppress(FileExistsError), _written_once(path) as temporary:
                for entry in manifest.files:
                    self._download(f"{VERSIONS}/{version}/{entry.path}", temporary / entry.path)
                (temporary / MANIFEST_NAME).write_bytes(raw)
            logger.info("downloaded %s from %s", version, self)
            self._trim(version)
        return path

    def forget(self, version: str) -> bool:
        """See `Store`."""
        check_version_name(version)
        path = self._local.path / VERSIONS / version
        found = path.is_dir()
        shutil.rmtree(path, ignore_errors=True)
        return found

    def manifest(self, version: str) -> Manifest:
        """See `Store`."""
        check_version_name(version)
        return self._manifest(version)[0]

    def report(self, version: str, manifest_sha256: str | None = None) -> tuple[Report, int]:
        """See `Store`. Compares sizes and the manifest, without downloading; `marquee verify` reads everything."""
        prefix = f"{VERSIONS}/{version}/"
        place = Path(self.address)
        found = self._entries(prefix)
        sizes = {entry["path"].removeprefix(prefix): entry["size"] for entry in found}
        try:
            manifest, raw = self._manifest(version)
        except BundleError as error:
            return Report(place, (error,)), sum(sizes.values())
        wanted = {entry.path: entry.bytes for entry in manifest.files} | {MANIFEST_NAME: len(raw)}
        wrong = sorted({name for name, _ in wanted.items() ^ sizes.items()})
        texts = [f"{self}/{prefix}{name} is missing, has another size or isn't in the manifest" for name in wrong]
        if manifest_sha256 not in (None, hashlib.sha256(raw).hexdigest()):
            texts.append(f"{self}/{prefix}{MANIFEST_NAME} is not the one that the pointer names: its sha256 differs")
        problems = tuple(BundleError(text, fix=REPAIR) for text in texts)
        return Report(place, problems, manifest), sum(sizes.values())

    @contextmanager
    def new_version(self, version: str) -> Iterator[Path]:
        """See `Store`. The manifest is uploaded last, and everything is read back before the version counts."""
        path = self._local.path / VERSIONS / version
        with self._cache(), written_aside(path) as temporary:
            yield temporary
            self._upload(version, temporary)
        self._trim(version)

    def remove(self, version: str) -> None:
        """See `Store`. The manifest goes first, so that what is left is no version."""
        check_version_name(version)
        self._delete(version)
        self.forget(version)

    def document(self, name: str) -> tuple[bytes | None, Any]:
        """See `Store`. Only asks whether it has changed."""
        known = self._documents.get(name)
        options = {"if_none_match": known[1]["e_tag"]} if known else {}
        try:
            meta, raw = self._get(name, **options)
        except FileNotFoundError:
            self._documents.pop(name, None)
            return None, None
        except NotModifiedError:
            return known or (None, None)
        self._documents[name] = raw, meta
        return raw, meta

    def replace_document(self, name: str, raw: bytes, known: Any) -> bool:
        """See `Store`."""
        try:
            mode: Any = update_of(known) if known else "create"
            self._reach(obstore.put, self._soon, name, raw, mode=mode)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            # A write whose answer was lost is sent again, and then fails because of itself.
            return self.document(name)[0] == raw
        return True

    @contextmanager
    def locked(self, timeout: float = 60.0) -> Iterator[None]:
        """See `Store`. A lease; a publisher that was killed is replaced after its time."""
        lease = Lease(self._soon, self.address, self._lease_seconds)
        try:
            self._reach(lease.acquire, timeout)
        except FileNotFoundError:
            raise BundleError(f"the bucket of {self} does not exist", fix="create it, or name another") from None
        try:
            self._remove_leftovers()
            yield
        finally:
            lease.release()

    def _manifest(self, version: str) -> tuple[Manifest, bytes]:
        name = f"{VERSIONS}/{version}/{MANIFEST_NAME}"
        local = self._local.path / name
        if local.is_file():
            raw = local.read_bytes()
        else:
            try:
                _, raw = self._get(name)
            except FileNotFoundError:
                raise BundleError(f"no version {version} in {self}", fix=LIST_THEM) from None
        manifest = parse_manifest(raw, f"{self}/{name}")
        if manifest.version != version:
            raise BundleError(f"{self}/{name} belongs to {manifest.version}, not to this folder", fix=REPAIR)
        return manifest, raw

    def _upload(self, version: str, folder: Path) -> None:
        files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST_NAME)
        for file in files:
            name = f"{VERSIONS}/{version}/{file.relative_to(folder).as_posix()}"
            self._reach(obstore.put, self._bucket, name, file)
        manifest, raw = f"{VERSIONS}/{version}/{MANIFEST_NAME}", (folder / MANIFEST_NAME).read_bytes()
        try:
            self._reach(obstore.put, self._bucket, manifest, raw, mode="create")
        except AlreadyExistsError:
            fix = "see `marquee list`, then publish again"
            raise StoreBusy(f"another publisher wrote {self}/{manifest} meanwhile", fix=fix) from None
        try:
            self._read_back(version, folder)
        except BundleError:  # such as after a lost lease, when another publisher took the files for leftovers
            self._delete(version)
            raise

    def _download(self, name: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)

        def write() -> None:
            with path.open("wb") as file:
                for chunk in obstore.get(self._bucket, name).stream():
                    file.write(chunk)

        try:
            self._reach(write)
        except FileNotFoundError:
            raise BundleError(f"{self}/{name} is missing", fix=REPAIR) from None

    def _read_back(self, version: str, written: Path) -> None:
        with tempfile.TemporaryDirectory(dir=written.parent, prefix=TEMPORARY) as folder:
            place = Path(folder) / version
            for file in sorted(file for file in written.rglob("*") if file.is_file()):
                name = file.relative_to(written).as_posix()
                self._download(f"{VERSIONS}/{version}/{name}", place / name)
            if problems := examine(place).problems:
                message = f"what was uploaded doesn't read back: {problems[0].message}"
                raise BundleError(message, fix="publish again; if it persists, check the bucket")

    def _remove_leftovers(self) -> None:
        # The lease's holder is alone, so a version without a manifest is of a publisher that died.
        found = self._entries(VERSIONS)
        for name in {entry["path"].split("/")[1] for entry in found} - set(_complete(found)):
            if is_version_name(name):
                self._delete(name)

    def _delete(self, version: str) -> None:
        found = self._entries(f"{VERSIONS}/{version}/")
        for name in sorted((entry["path"] for entry in found), key=lambda name: not name.endswith(f"/{MANIFEST_NAME}")):
            with suppress(FileNotFoundError):
                self._reach(obstore.delete, self._bucket, name)

    def _trim(self, keep: str) -> None:
        """Bound the cache. Bundles are copied to memory, so files in use may go."""
        folder = self._local.path / VERSIONS
        with suppress(OSError):  # another process with the same cache may have been faster
            names = [entry.name for entry in folder.iterdir() if is_version_name(entry.name) and entry.name != keep]
            pointers = [self._local.pointer(channel) for channel in self._local.channels()]
            used = {pointer.version for pointer in pointers if pointer}
            newest = sorted(names, key=lambda name: (name in used, (folder / name).stat().st_mtime))
            for name in newest[: max(len(names) - (CACHED - 1), 0)]:
                shutil.rmtree(folder / name, ignore_errors=True)
            for entry in folder.glob(f"{TEMPORARY}*"):
                if time.time() - entry.stat().st_mtime > _LEFTOVER_SECONDS:
                    shutil.rmtree(entry, ignore_errors=True)

    @contextmanager
    def _cache(self) -> Iterator[None]:
        """Writing to the local cache; its errors name it."""
        try:
            (self._local.path / VERSIONS).mkdir(parents=True, exist_ok=True)
            yield
        except FileExistsError:
            raise
        except OSError as error:
            fix = "set MARQUEE_CACHE_DIR to a folder that can be written, with room for three versions"
            raise BundleError(f"the cache {self._local} can't be written: {error.strerror}", fix=fix) from None

    def _note(self, trouble: str | None) -> None:
        if trouble and not self._trouble:
            logger.warning("%s; going on with what was read last", trouble)
        if self._trouble and not trouble:
            logger.warning("%s can be reached again", self)
        self._trouble = trouble

    def _get(self, name: str, **options: Any) -> tuple[Any, bytes]:
        """The properties and the content of a small object."""

        def get() -> tuple[Any, bytes]:
            found = obstore.get(self._soon, name, options=options)  # type: ignore[arg-type]
            return found.meta, bytes(found.bytes())

        return self._reach(get)  # type: ignore[no-any-return]

    def _entries(self, prefix: str) -> Any:
        return self._reach(lambda: obstore.list(self._bucket, prefix).collect())

    def _reach(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call the bucket. Errors that callers handle pass; all others become a BundleError that names the cause."""
        try:
            return call(*arguments, **options)
        except (FileNotFoundError, AlreadyExistsError, PreconditionError, NotModifiedError):
            raise
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            fix = "check the credentials: they must be allowed to list, read and, to publish, write there"
            raise StoreUnusable(f"{self} refuses access: {first_line(error)}", fix=fix) from None
        except (BaseError, OSError) as error:
            fix = "check the address, the network and the endpoint (for S3: AWS_ENDPOINT, AWS_REGION)"
            raise StoreUnreachable(f"{self} can't be reached: {first_line(error)}", fix=fix) from None


def _complete(entries: Any) -> list[str]:
    """The names of the versions among the objects below `versions/` that have a manifest, oldest first."""
    places = (entry["path"].split("/") for entry in entries)
    return sorted(place[1] for place in places if place[2:] == [MANIFEST_NAME] and is_version_name(place[1]))


@contextmanager
def _written_once(path: Path) -> Iterator[Path]:
    """As `written_aside`, where another process may add the same folder at the same time; a FileExistsError then."""
    try:
        with written_aside(path) as temporary:
            yield temporary
    except OSError:
        if path.is_dir():
            raise FileExistsError(path) from None
        raise


def connect(address: str, *, seconds: float, retries: int) -> Any:
    """A client of a bucket's folder, with a time limit per request."""
    endpoints = (value for name, value in os.environ.items() if name.startswith(_ENDPOINTS))
    options: Any = {"timeout": f"{seconds:g}s", "connect_timeout": "2s"}
    if any(value.startswith("http://") for value in endpoints):
        options["allow_http"] = "true"
    retry: Any = {"max_retries": retries, "retry_timeout": timedelta(seconds=seconds), "backoff": _RETRY}
    try:
        return obstore.store.from_url(address, client_options=options, retry_config=retry)
    except (BaseError, ValueError, TypeError) as error:
        fix = "see docs/bundle.md#a-bucket-as-the-store"
        raise ConfigError(f"{address} is not the address of a store: {first_line(error)}", fix=fix) from None
