"""Stores with a few versions in them, and a way to forge a version whose hashes are right."""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marquee.bundle import Bundle, publish
from marquee.bundle.folder_store import FolderStore
from marquee.bundle.manifest import FileEntry, parse_manifest, stamped
from marquee.bundle.store import Pointer

Forge = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here outlives the machine's power; test_kill checks the order of the calls."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, make_contents: Any) -> tuple[Bundle, Bundle]:
    """Two versions in a store that nobody changes."""
    store = tmp_path_factory.mktemp("template") / "artifacts"
    return publish(store, make_contents(seed=1)), publish(store, make_contents(seed=2))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def first(store: Path, template: tuple[Bundle, Bundle]) -> Bundle:
    """A store with one version."""
    return _copy(store, template[0])


@pytest.fixture
def two(store: Path, first: Bundle, template: tuple[Bundle, Bundle]) -> tuple[Bundle, Bundle]:
    """A store with two versions, the second one current."""
    return first, _copy(store, template[1], first.manifest.version)


def _copy(store: Path, published: Bundle, previous: str | None = None) -> Bundle:
    manifest = published.manifest
    path = store / "versions" / manifest.version
    shutil.copytree(published.path, path)
    FolderStore(store).point_to(Pointer(version=manifest.version, manifest_sha256=manifest.sha256(), previous=previous))
    return replace(published, path=path)


@pytest.fixture
def forge(store: Path) -> Forge:
    """`forge(published, {path: bytes}, {field: value}) -> folder`: new contents, and a manifest that agrees.

    It stands for a careless or hostile writer, and shows what is checked beyond the hashes. The folder is renamed
    after its new content hash, and the pointer follows.
    """

    def change(published: Bundle, files: dict[str, bytes], manifest: dict[str, Any] | None = None) -> Path:
        folder = published.path
        for name, raw in files.items():
            (folder / name).write_bytes(raw)
        old = parse_manifest((folder / "manifest.json").read_bytes(), "manifest.json")
        entries = tuple(_entry(folder, entry.path) for entry in old.files if (folder / entry.path).exists())
        forged = stamped(old.model_copy(update={"files": entries} | (manifest or {})), old.created)
        (folder / "manifest.json").write_bytes(forged.to_bytes())
        renamed = folder.rename(folder.with_name(forged.version))
        FolderStore(store).point_to(Pointer(version=forged.version, manifest_sha256=forged.sha256()))
        return renamed

    return change


def _entry(folder: Path, name: str) -> FileEntry:
    raw = (folder / name).read_bytes()
    return FileEntry(path=name, bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())
