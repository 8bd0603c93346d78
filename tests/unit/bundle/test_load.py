import json
import logging
import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marquee.bundle import Bundle, current, load, prune, publish, verify
from marquee.bundle.folder_store import FolderStore
from marquee.errors import BundleError


def test_it_loads_what_was_published(store: Path, two: tuple[Bundle, Bundle], make_contents: Any) -> None:
    made, bundle = make_contents(seed=2), load(store)
    assert bundle.version == two[1].manifest.version
    assert bundle.manifest == two[1].manifest
    assert bundle.rerank == made.rerank
    assert np.array_equal(bundle.two_tower.scores([1, 2]), made.two_tower.scores([1, 2]))
    assert np.array_equal(bundle.item_cf.scores([1, 2]), made.item_cf.scores([1, 2]))
    assert bundle.catalog.rows_of_tmdb([1001, 5]) == ([0], [5])
    assert bundle.notes == ()


def in_a_map(array: Any) -> bool:
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return isinstance(array, memoryview) and isinstance(array.obj, mmap.mmap)


@pytest.mark.parametrize("factors", [True, False])
def test_mapped_arrays_stay_in_their_files(tmp_path: Path, make_contents: Any, factors: bool) -> None:
    publish(tmp_path, make_contents(seed=2, factors=factors, columns=True), force=True)
    copied, mapped = load(tmp_path), load(tmp_path, mapped=True)
    for part in ("two_tower", "item_cf"):
        arrays = getattr(mapped, part).arrays()
        assert arrays
        for name, array in getattr(copied, part).arrays().items():
            assert not in_a_map(array)
            assert in_a_map(arrays[name]), name
            assert not arrays[name].flags.writeable
            assert arrays[name].dtype == array.dtype
            assert np.array_equal(arrays[name], array)
    assert in_a_map(mapped.catalog.years)
    for name, column in copied.catalog.columns.items():
        for part, array in vars(column).items():
            if isinstance(array, np.ndarray):
                same = vars(mapped.catalog.columns[name])[part]
                assert in_a_map(same), name
                np.testing.assert_equal(same, array)
    assert mapped.catalog.titles == copied.catalog.titles


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-1], lambda raw: raw[:-1] + b"!", lambda _: b"", lambda raw: raw + b"!"]
)
def test_mapped_files_are_verified_likewise(store: Path, first: Bundle, damage: Any) -> None:
    path = first.path / "two_tower.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BundleError) as copied:
        load(store)
    with pytest.raises(BundleError) as mapped:
        load(store, mapped=True)
    assert str(mapped.value) == str(copied.value)


def test_any_version_can_be_named(store: Path, two: tuple[Bundle, Bundle]) -> None:
    older = two[0].manifest.version
    assert load(store, older).version == older
    assert load(two[0].path).version == older
    assert load(two[0].path, older).version == older


def test_naming_another_version_of_a_single_folder_is_a_mistake(two: tuple[Bundle, Bundle]) -> None:
    with pytest.raises(BundleError, match="is one version, not a store"):
        load(two[0].path, two[1].manifest.version)


@pytest.mark.parametrize("version", ["2020-01-01T00-00-00Z-00000000", "../../etc", "", "latest"])
def test_unknown_versions_are_refused(store: Path, first: Bundle, version: str) -> None:
    with pytest.raises(BundleError, match=version or "''"):
        load(store, version)


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        load(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"no bundle in {tmp_path}/nowhere\n  fix: make one with `marquee train`, or name another folder"
    )


def test_a_lost_pointer_is_not_guessed(store: Path, first: Bundle) -> None:
    (store / "CURRENT.json").unlink()
    with pytest.raises(BundleError, match=r"CURRENT\.json is missing, so no version is current"):
        load(store)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage",
        b"null",
        b'{"version": "../../etc/passwd", "manifest_sha256": "%s"}' % (b"0" * 64),
        b'{"version": "2026-01-01T00-00-00Z-00000000"}',
        b"\x80\x04.",
        b"[" * 100_000,
    ],
)
def test_a_garbage_pointer_is_refused_by_name(store: Path, first: Bundle, raw: bytes) -> None:
    (store / "CURRENT.json").write_bytes(raw)
    with pytest.raises(BundleError, match=r"CURRENT\.json is not a pointer: ") as caught:
        load(store, fall_back=True)
    assert "marquee rollback VERSION" in caught.value.fix
    assert str(verify(store).problems[0]) == str(caught.value)


def test_falling_back_is_said_aloud(store: Path, two: tuple[Bundle, Bundle], caplog: pytest.LogCaptureFixture) -> None:
    older, newer = two
    newer.path.rename(store / "elsewhere")
    with pytest.raises(BundleError, match="no version"):
        load(store)
    with caplog.at_level(logging.WARNING):
        bundle = load(store, fall_back=True)
    assert bundle.version == older.manifest.version
    assert bundle.notes[0].startswith(f"fell back to {bundle.version}, since {newer.manifest.version} is damaged")
    assert caplog.messages == [bundle.notes[0]]


def test_where_both_are_damaged_the_current_one_is_named(store: Path, two: tuple[Bundle, Bundle]) -> None:
    for published in two:
        (published.path / "catalog.json").unlink()
    with pytest.raises(BundleError, match=two[1].manifest.version):
        load(store, fall_back=True)


def test_a_version_pruned_while_it_is_read_is_forgiven(
    store: Path, first: Bundle, make_contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_pointer, calls = FolderStore.pointer, []

    def busy_store(self: FolderStore, channel: str = "current") -> Any:
        pointer = read_pointer(self, channel)
        if not calls:  # just after our first look
            calls.append(1)
            for seed in (2, 3):
                publish(store, make_contents(seed=seed))
            prune(store, keep=1)
        return pointer

    monkeypatch.setattr(FolderStore, "pointer", busy_store)
    assert load(store).version == current(store).version  # type: ignore[union-attr]
    assert not first.path.exists()


def test_the_pointer_is_plain_json(store: Path, first: Bundle) -> None:
    pointer = current(store)
    assert pointer is not None
    assert json.loads((store / "CURRENT.json").read_bytes())["version"] == pointer.version


def test_a_bundle_published_into_another_store_is_the_same(
    store: Path, make_contents: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARQUEE_GIT_COMMIT", "abc")
    original = publish(store, make_contents(seed=1))
    monkeypatch.setenv("MARQUEE_GIT_COMMIT", "def")
    for source in (store, original.path):
        copy = publish(tmp_path / "other", load(source))
        assert copy.manifest.content_hash() == original.manifest.content_hash()
    assert (copy.path / "eval" / "report.json").read_bytes() == b'{"seed": 1}\n'
