"""Write and check reproducible zip and tar.gz archives: the same names and contents give the same bytes."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that zip can express
LEVEL = 9
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".npz", ".pyc")
# Too heavy for the function; a dependency could bring them in.
UNWANTED = {"torch", "pandas", "scipy", "sklearn", "fastapi", "starlette", "pyarrow", "boto3", "botocore"}


@dataclass(frozen=True)
class Built:
    """An archive: its path, the sha256 of its bytes, its size, and the sum of its files' sizes in bytes."""

    path: Path
    sha256: str
    packed: int
    unpacked: int


def write_zip(target: Path, files: Mapping[str, bytes]) -> Built:
    """Write a zip for Lambda; `files` are contents by path."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, on any machine: Lambda takes modes from it
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return _write(target, packed.getvalue(), files)


def write_tar_gz(target: Path, files: Mapping[str, bytes]) -> Built:
    """Write a tar.gz for SageMaker; `files` are contents by path."""
    unzipped = io.BytesIO()
    with tarfile.open(fileobj=unzipped, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(files[name]), 0o644, 0
            archive.addfile(entry, io.BytesIO(files[name]))
    return _write(target, gzip.compress(unzipped.getvalue(), LEVEL, mtime=0), files)


def _write(target: Path, packed: bytes, files: Mapping[str, bytes]) -> Built:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".tmp")
    temporary.write_bytes(packed)
    temporary.replace(target)
    return Built(target, hashlib.sha256(packed).hexdigest(), len(packed), sum(map(len, files.values())))


def problems(path: Path) -> Iterator[str]:
    """Find files that must not be in an archive: outside paths, links, pickles, bytecode alone, heavy packages."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    else:
        with tarfile.open(path) as archive:
            names = archive.getnames()
            yield from (f"{member.name} is no plain file" for member in archive if not member.isfile())
    for name in names:
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            yield f"{name} would be unpacked outside of its folder"
        source = f"{inside.parent.parent / inside.name.partition('.')[0]}.py"
        is_bytecode = path.name.endswith(".zip") and inside.parent.name == "__pycache__" and source in names
        if inside.name.startswith("._") or (inside.suffix in PICKLES and not is_bytecode):
            yield f"{name} must not be in an archive"
        if inside.parts[0] == "python" and inside.parts[1] in UNWANTED and inside.name == "__init__.py":
            yield f"{name} is too heavy for the function"
