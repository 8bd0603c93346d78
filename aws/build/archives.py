"""Zip and tar archives that depend on names and contents alone: no times, no owners, no order of a file system."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that zip knows
LEVEL = 9


@dataclass(frozen=True)
class Built:
    """An archive.

    Attributes:
        path: Where it lies.
        sha256: Of its bytes, in hexadecimal.
        packed: Its size in bytes.
        unpacked: The sum of its files' sizes in bytes.
    """

    path: Path
    sha256: str
    packed: int
    unpacked: int


def write_zip(target: Path, files: Mapping[str, bytes]) -> Built:
    """Write a zip, as Lambda unpacks it.

    Args:
        target: Is replaced.
        files: Contents by their path in the archive.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, wherever it is built: Lambda takes modes from it
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return _written(target, packed.getvalue(), files)


def write_tar_gz(target: Path, files: Mapping[str, bytes]) -> Built:
    """Write a .tar.gz, as SageMaker unpacks it.

    Args:
        target: Is replaced.
        files: Contents by their path in the archive.
    """
    unzipped = io.BytesIO()
    with tarfile.open(fileobj=unzipped, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(files[name]), 0o644, 0
            archive.addfile(entry, io.BytesIO(files[name]))
    return _written(target, gzip.compress(unzipped.getvalue(), LEVEL, mtime=0), files)


def _written(target: Path, packed: bytes, files: Mapping[str, bytes]) -> Built:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(target.name + ".tmp")
    aside.write_bytes(packed)
    aside.replace(target)
    size = sum(len(raw) for raw in files.values())
    return Built(target, hashlib.sha256(packed).hexdigest(), len(packed), size)


def files_below(folder: Path, prefix: str = "", suffixes: tuple[str, ...] = ()) -> dict[str, bytes]:
    """The files of a folder by their path in an archive, without bytecode.

    Args:
        folder: Is searched to its depth.
        prefix: Put before each path, such as "code/marquee/".
        suffixes: Only files that end so; all, if empty.
    """
    return {
        prefix + path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.name.endswith(suffixes or ("",))
    }
