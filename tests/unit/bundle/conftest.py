"""Stores with a few versions in them, and a way to forge a version whose hashes are right."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marquee.bundle import Published, publish
from marquee.bundle.manifest import FileEntry, parse_manifest, stamped
from marquee.bundle.store import Pointer, point_to

Forge = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def first(store: Path, make_contents: Any) -> Published:
    """A store with one version."""
    return publish(store, make_contents(seed=1))


@pytest.fixture
def two(store: Path, first: Published, make_contents: Any) -> tuple[Published, Published]:
    """A store with two versions, the second one current."""
    return first, publish(store, make_contents(seed=2))


@pytest.fixture
def forge(store: Path) -> Forge:
    """`forge(published, {path: bytes}, {field: value}) -> folder`: new contents, and a manifest that agrees.

    It stands for a careless or hostile writer, and shows what is checked beyond the hashes. The folder is renamed
    after its new content hash, and the pointer follows.
    """

    def change(published: Published, files: dict[str, bytes], manifest: dict[str, Any] | None = None) -> Path:
        folder = published.path
        for name, raw in files.items():
            (folder / name).write_bytes(raw)
        old = parse_manifest((folder / "manifest.json").read_bytes(), "manifest.json")
        entries = tuple(_entry(folder, entry.path) for entry in old.files if (folder / entry.path).exists())
        forged = stamped(old.model_copy(update={"files": entries} | (manifest or {})), old.created)
        (folder / "manifest.json").write_bytes(forged.to_bytes())
        renamed = folder.rename(folder.with_name(forged.version))
        point_to(store, Pointer(version=forged.version, manifest_sha256=forged.sha256()))
        return renamed

    return change


def _entry(folder: Path, name: str) -> FileEntry:
    raw = (folder / name).read_bytes()
    return FileEntry(path=name, bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())
