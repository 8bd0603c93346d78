"""Finding everything that is wrong with one version: the same eyes for readers, publishers and `verify`."""

import hashlib
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

from marquee.bundle.bundle import Bundle
from marquee.bundle.checks import inconsistencies
from marquee.bundle.files import ARRAYS, EVAL_FOLDER, REQUIRED, Parts, decode
from marquee.bundle.manifest import MANIFEST_NAME, FileEntry, Manifest, parse_manifest
from marquee.bundle.store import POINTER_NAME, is_version_name
from marquee.errors import BundleError

_MANIFEST_LIMIT = 16 * 2**20  # bytes; a manifest is a few KB, so more is garbage that must not fill the memory
_REPAIR = "go back with `marquee rollback`, or publish again"


@dataclass(frozen=True)
class Examination:
    """What was found in the folder of one version.

    Attributes:
        path: The folder.
        problems: Everything that is wrong; empty = the bundle is sound.
        bundle: The bundle, if nothing is wrong.
        manifest: The manifest, if at least that could be read.
    """

    path: Path
    problems: tuple[BundleError, ...]
    bundle: Bundle | None = None
    manifest: Manifest | None = None


def examine(folder: Path, manifest_sha256: str | None = None, *, mapped: bool = False) -> Examination:
    """Read one version and find everything that is wrong with it.

    Args:
        folder: The version's folder.
        manifest_sha256: The manifest's hash according to the pointer; None where no pointer names it.
        mapped: Whether arrays stay in their files, mapped into memory: only for files that nothing can change.
    """
    try:
        manifest = _read_manifest(folder, manifest_sha256)
    except BundleError as error:
        return Examination(folder, (error,))
    problems = [BundleError(text, fix=_REPAIR) for text in _wrong_files(folder, manifest)]
    files: dict[str, bytes | mmap.mmap] = {}
    eval_files: dict[str, bytes] = {}
    for entry in manifest.files:
        raw = _read(folder / entry.path, entry, mapped=mapped and entry.path.endswith(ARRAYS))
        if isinstance(raw, BundleError):
            problems.append(raw)
        elif isinstance(raw, bytes) and entry.path.startswith(EVAL_FOLDER):
            eval_files[entry.path.removeprefix(EVAL_FOLDER)] = raw
        else:
            files[entry.path] = raw
    if problems:  # what fails its hash isn't worth decoding
        return Examination(folder, tuple(problems), manifest=manifest)
    try:
        parts = decode(files)
        texts = [*inconsistencies(parts.catalog, parts.two_tower, parts.item_cf), *_wrong_dimensions(parts, manifest)]
    except BundleError as error:
        texts = [error.message]
    if texts:
        problems = [BundleError(f"{folder}/{text}", fix=_REPAIR) for text in texts]
        return Examination(folder, tuple(problems), manifest=manifest)
    bundle = Bundle(
        parts.catalog,
        parts.two_tower,
        parts.item_cf,
        parts.rerank,
        data=manifest.data,
        metrics=manifest.metrics,
        config=manifest.config,
        eval_files=eval_files,
        code_version=manifest.code_version,
        stored=manifest,
    )
    return Examination(folder, (), bundle, manifest)


def _read_manifest(folder: Path, sha256: str | None) -> Manifest:
    path = folder / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            raw = file.read(_MANIFEST_LIMIT)
    except OSError as error:
        what = "is missing" if isinstance(error, FileNotFoundError) else f"can't be read: {error.strerror}"
        raise BundleError(f"{path} {what}", fix=_REPAIR) from None
    manifest = parse_manifest(raw, str(path))
    if sha256 not in (None, hashlib.sha256(raw).hexdigest()):
        raise BundleError(f"{path} is not the one that {POINTER_NAME} names: its sha256 differs", fix=_REPAIR)
    name = folder.resolve().name
    if is_version_name(name) and name != manifest.version:
        raise BundleError(f"{path} belongs to {manifest.version}, not to this folder", fix=_REPAIR)
    return manifest


def _wrong_files(folder: Path, manifest: Manifest) -> list[str]:
    listed = [entry.path for entry in manifest.files]
    problems = [f"{folder / MANIFEST_NAME} does not list {name}" for name in REQUIRED if name not in listed]
    if len(set(listed)) != len(listed):
        problems.append(f"{folder / MANIFEST_NAME} lists a file twice")
    present = [
        (Path(place) / name).relative_to(folder).as_posix() for place, _, names in os.walk(folder) for name in names
    ]
    extra = sorted(set(present) - set(listed) - {MANIFEST_NAME})
    return problems + [f"{folder / name} is not in the manifest" for name in extra]


def _read(path: Path, entry: FileEntry, *, mapped: bool) -> bytes | mmap.mmap | BundleError:
    raw: bytes | mmap.mmap
    try:
        with path.open("rb") as file:
            if mapped and os.fstat(file.fileno()).st_size == entry.bytes > 0:
                raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            else:
                raw = file.read(entry.bytes + 1)
    except OSError as error:
        what = "is missing" if isinstance(error, FileNotFoundError) else f"can't be read: {error.strerror}"
        return BundleError(f"{path} {what}", fix=_REPAIR)
    if len(raw) != entry.bytes:
        size = path.stat().st_size
        return BundleError(f"{path} has {size} bytes, the manifest says {entry.bytes}", fix=_REPAIR)
    if hashlib.sha256(raw).hexdigest() != entry.sha256:
        return BundleError(f"{path} was altered: its sha256 is not the manifest's", fix=_REPAIR)
    return raw


def _wrong_dimensions(parts: Parts, manifest: Manifest) -> list[str]:
    problems = [
        f"{name}: {array} has shape {shape}, the manifest says {manifest.shapes.get(name, {}).get(array, 'nothing')}"
        for name, shapes in parts.shapes.items()
        for array, shape in shapes.items()
        if shape != manifest.shapes.get(name, {}).get(array)
    ]
    if len(parts.catalog) != manifest.n_movies:
        problems.append(f"{MANIFEST_NAME}: n_movies is {manifest.n_movies}, the catalogue has {len(parts.catalog)}")
    if parts.two_tower.item_vectors.shape[-1] != manifest.dimensions:
        problems.append(
            f"{MANIFEST_NAME}: dimensions is {manifest.dimensions}, the vectors have "
            f"{parts.two_tower.item_vectors.shape[-1]}"
        )
    return problems
