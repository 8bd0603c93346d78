"""Reading the folder of one version: all bytes are verified before they are used."""

import hashlib
import mmap
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from marquee.bundle.bundle import Bundle
from marquee.bundle.disk import disk_error
from marquee.bundle.files import ARRAYS, EVAL_FOLDER, REQUIRED, decode, inconsistencies, shapes_of
from marquee.bundle.manifest import (
    MANIFEST_NAME,
    REPAIR,
    VERSION_PATTERN,
    FileEntry,
    Manifest,
    parse_manifest,
    time_of,
)
from marquee.errors import BundleError, StoreUnreachable

MANIFEST_LIMIT = 16 * 2**20
"""Bytes; a manifest has a few KB."""


@dataclass(frozen=True)
class Report:
    """Result of verifying one version: problems, each with its file and a fix, or the bundle."""

    path: Path
    problems: tuple[BundleError, ...] = ()
    manifest: Manifest | None = None
    bundle: Bundle | None = None

    @property
    def ok(self) -> bool:
        """Whether the bundle is sound."""
        return not self.problems

    def reached(self) -> "Report":
        """This report; raises a `StoreUnreachable` if the version could not be read, which says nothing of it."""
        for problem in self.problems:
            if isinstance(problem, StoreUnreachable):
                raise problem
        return self


def examine(folder: Path, manifest_sha256: str | None = None, *, mapped: bool = False) -> Report:
    """Read and verify the folder of one version; `manifest_sha256` is the pointer's, if it names the version."""
    try:
        manifest = read_manifest(folder, manifest_sha256)
    except BundleError as error:
        return Report(folder, (error,))
    problems = [BundleError(text, fix=REPAIR) for text in _wrong_files(folder, manifest)]
    files: dict[str, bytes | mmap.mmap] = {}
    eval_files: dict[str, bytes] = {}
    for entry in manifest.files:
        try:
            if entry.path.startswith(EVAL_FOLDER):
                eval_files[entry.path.removeprefix(EVAL_FOLDER)] = bytes(_read(folder, entry))
            else:
                files[entry.path] = _read(folder, entry, mapped=mapped and entry.path.endswith(ARRAYS))
        except BundleError as error:
            problems.append(error)
    if problems:  # a file that fails its hash isn't worth decoding
        return Report(folder, tuple(problems), manifest)
    try:
        bundle = replace(decode(files, manifest, eval_files), path=folder)
        texts = [*inconsistencies(bundle), *_wrong_dimensions(bundle, manifest)]
    except BundleError as error:
        texts = [error.message]
    if texts:
        return Report(folder, tuple(BundleError(f"{folder}/{text}", fix=REPAIR) for text in texts), manifest)
    return Report(folder, (), manifest, bundle)


def read_manifest(folder: Path, sha256: str | None = None) -> Manifest:
    """The manifest of a version's folder, with the hash given by the pointer, if any."""
    path = folder / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            raw = file.read(MANIFEST_LIMIT)
    except OSError as error:
        raise _unreadable(path, error) from None
    manifest = parse_manifest(raw, str(path))
    if sha256 not in (None, hashlib.sha256(raw).hexdigest()):
        raise BundleError(f"{path} is not the one that the pointer names: its sha256 differs", fix=REPAIR)
    name = folder.resolve().name
    if is_version_name(name) and name != manifest.version:
        raise BundleError(f"{path} belongs to {manifest.version}, not to this folder", fix=REPAIR)
    return manifest


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


def _wrong_files(folder: Path, manifest: Manifest) -> list[str]:
    listed = [entry.path for entry in manifest.files]
    problems = [f"{folder / MANIFEST_NAME} does not list {name}" for name in REQUIRED if name not in listed]
    if len(set(listed)) != len(listed):
        problems.append(f"{folder / MANIFEST_NAME} lists a file twice")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    extra = sorted(present - set(listed) - {MANIFEST_NAME})
    return problems + [f"{folder / name} is not in the manifest" for name in extra]


def _read(folder: Path, entry: FileEntry, *, mapped: bool = False) -> bytes | mmap.mmap:
    path = folder / entry.path
    raw: bytes | mmap.mmap
    try:
        with path.open("rb") as file:
            if mapped and os.fstat(file.fileno()).st_size == entry.bytes > 0:
                raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            else:
                raw = file.read(entry.bytes + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(raw) != entry.bytes:
        raise BundleError(f"{path} has {path.stat().st_size} bytes, the manifest says {entry.bytes}", fix=REPAIR)
    if hashlib.sha256(raw).hexdigest() != entry.sha256:
        raise BundleError(f"{path} was altered: its sha256 is not the manifest's", fix=REPAIR)
    return raw


def _unreadable(path: Path, error: OSError) -> BundleError:
    if isinstance(error, FileNotFoundError):
        return BundleError(f"{path} is missing", fix=REPAIR)
    return disk_error(error, "read a version")


def _wrong_dimensions(bundle: Bundle, manifest: Manifest) -> list[str]:
    problems = [
        f"{name}: {array} has shape {shape}, the manifest says {manifest.shapes.get(name, {}).get(array, 'nothing')}"
        for name, shapes in shapes_of(bundle).items()
        for array, shape in shapes.items()
        if manifest.shapes.get(name, {}).get(array) != shape
    ]
    n, d = len(bundle.catalog), np.atleast_2d(bundle.two_tower.item_vectors).shape[1]
    if n != manifest.n_movies:
        problems.append(f"{MANIFEST_NAME}: n_movies is {manifest.n_movies}, the catalogue has {n}")
    if d != manifest.dimensions:
        problems.append(f"{MANIFEST_NAME}: dimensions is {manifest.dimensions}, the vectors have {d}")
    return problems
