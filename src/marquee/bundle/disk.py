"""Errors of the file system below a store, in words, and durable writes where the file system allows them."""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from marquee.errors import StoreUnreachable, StoreUnusable

logger = logging.getLogger("marquee.bundle")

# What a network's file system says while its server is away, and a machine without memory or handles: it may pass.
_PASSING = {
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ECONNREFUSED, errno.ECONNRESET),
    *(errno.ENOTCONN, errno.EREMOTEIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EINTR),
}
# What file systems answer to a call that they lack: FUSE, SMB, NFS without a lock manager, mounts of buckets.
LACKING = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.ENOTTY}
_FIXES = {
    errno.ENOSPC: "free space there, for instance with `marquee prune`",
    errno.EDQUOT: "raise the quota, or free space there, for instance with `marquee prune`",
    errno.EROFS: "mount it writable (in Kubernetes: readOnly), or name another store",
    errno.EACCES: "let this user ({user}) write there (in Kubernetes: securityContext.fsGroup), or name another store",
    errno.ENOTDIR: "name a folder: a part of its path is a file",
    errno.ESTALE: "try again; if it stays, mount it again",
    errno.ENOENT: "try again: it was removed meanwhile",
    errno.EIO: "try again; if it stays, check the disk, or the server that has it",
    errno.EMFILE: "try again, with a higher limit of open files (ulimit -n)",
}
_FIXES[errno.EPERM] = _FIXES[errno.EACCES]
_LACKS = "its file system can't do that: use another one, or name a bucket by its address, such as s3://bucket/path"
_AGAIN = "try again; if it stays, check the machine or server that has it"


def disk_error(error: OSError, what: str) -> StoreUnreachable:
    """The error of a store on a disk: `StoreUnusable`, unless it may pass. `what` was tried, such as "write"."""
    code = error.errno or errno.EIO
    where = error.filename2 or error.filename
    name = f"{error.strerror or error} ({errno.errorcode.get(code, code)})" + (f": {where}" if where else "")
    fix = _FIXES.get(code) or (_AGAIN if code in _PASSING else _LACKS)
    kind = StoreUnreachable if code in _PASSING else StoreUnusable
    return kind(f"can't {what}: {name}", fix=fix.format(user=f"id {os.getuid()}"))


@contextmanager
def on_disk(what: str) -> Iterator[None]:
    """Turn an OSError into a `StoreUnreachable` that names what was tried; usable as a decorator, too."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, what) from None


def write_durably(path: Path, raw: bytes) -> None:
    """Write a new file and sync it to disk."""
    with _named(path), path.open("xb") as file:
        file.write(raw)
        file.flush()
        _sync(file.fileno())


def sync_folder(path: Path) -> None:
    """Sync a folder's entries to disk: a rename is only durable after that."""
    with _named(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of open files don't say which."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in LACKING:
            raise
        # Safe: readers verify every byte, and go back to the version before.
        warn_once("this file system can't sync: after a power cut, the version published last may be damaged")


@lru_cache
def warn_once(text: str) -> None:
    """Log a warning, the same one once per process."""
    logger.warning("%s", text)
