"""Every kind of damage is refused with a message that names the file, and while an older bundle still serves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from marquee.bundle import Bundle, Live, load, verify
from marquee.errors import BundleError

OTHERS = ("item_cf.safetensors", "catalog.safetensors", "catalog.json", "reranker.json", "eval/report.json")


def flip_first(path: Path) -> None:
    _flip(path, 0)


def flip_middle(path: Path) -> None:
    _flip(path, path.stat().st_size // 2)


def flip_last(path: Path) -> None:
    _flip(path, path.stat().st_size - 1)


def _flip(path: Path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def remove(path: Path) -> None:
    path.unlink()


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (flip_first, flip_middle, flip_last, truncate, empty, lengthen, remove, replace_by_folder)


@pytest.mark.parametrize(
    ("name", "damage"),
    [(name, damage) for name in ("manifest.json", "two_tower.safetensors") for damage in DAMAGES]
    + [(name, damage) for name in OTHERS for damage in (flip_middle, remove)],
)
def test_a_damaged_file_is_refused_by_name(
    store: Path, two: tuple[Bundle, Bundle], name: str, damage: Callable[[Path], None]
) -> None:
    older, newer = two
    damage(newer.path / name)
    with pytest.raises(BundleError) as caught:
        load(store)
    assert str(newer.path / name) in caught.value.message
    assert caught.value.fix
    report = verify(store)
    assert not report.ok
    assert str(newer.path / name) in report.problems[0].message
    assert load(store, fall_back=True).version == older.manifest.version


@pytest.mark.parametrize("name", ["extra.json", "eval/extra.csv", "model.pkl", ".hidden"])
def test_a_file_that_the_manifest_does_not_list_is_refused_by_name(store: Path, first: Bundle, name: str) -> None:
    (first.path / name).write_bytes(b"")
    with pytest.raises(BundleError, match=f"{name} is not in the manifest"):
        load(store)


def test_all_problems_are_reported_not_just_the_first(store: Path, first: Bundle) -> None:
    for name in ("catalog.json", "reranker.json"):
        flip_middle(first.path / name)
    (first.path / "extra.json").touch()
    problems = verify(store).problems
    assert len(problems) == 3
    with pytest.raises(BundleError, match=r"and 2 more; `marquee verify` lists them"):
        load(store)


def tensors(first: Bundle, name: str, **changes: Any) -> dict[str, bytes]:
    raw = (first.path / name).read_bytes()
    held = {key: np.ascontiguousarray(a) for key, a in (load_tensors(raw) | changes).items() if a is not None}
    metadata = {"pooling": "mean"} if name.startswith("two") else None
    return {name: save_tensors(held, metadata=metadata)}


def not_a_number() -> Any:
    vectors = np.zeros((50, 8), np.float32)
    vectors[7, 3] = np.inf
    return vectors


IDS = np.arange(1, 151, 3)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("two_tower.safetensors", {"item_vectors": not_a_number()}, "item_vectors holds 1 values that are not finite"),
        ("two_tower.safetensors", {"item_bias": np.zeros(49, np.float32)}, r"item_bias has shape \(49,\)"),
        ("two_tower.safetensors", {"seed_vectors": np.zeros((50, 9), np.float32)}, "seed_vectors has shape"),
        ("two_tower.safetensors", {"item_vectors": np.zeros(50, np.float32)}, "two_tower.safetensors"),
        ("two_tower.safetensors", {"item_bias": np.zeros(50)}, "item_bias is float64, expected float32"),
        ("two_tower.safetensors", {"item_bias": None}, "lacks the array 'item_bias'"),
        ("two_tower.safetensors", {"hidden_bias": None}, "hidden_weight and hidden_bias come together"),
        ("two_tower.safetensors", {"evil": np.zeros(1, np.float32)}, "unknown array evil"),
        ("item_cf.safetensors", {"indptr": np.arange(3)}, "don't fit each other"),
        ("item_cf.safetensors", {"indices": np.full(250, 50, np.int32)}, "don't fit each other"),
        ("item_cf.safetensors", {"values": np.full(250, np.nan, np.float16)}, "250 values that are not finite"),
        ("item_cf.safetensors", {"factors": np.zeros((49, 8), np.float32)}, "49 rows, expected 50"),
        ("item_cf.safetensors", {"factors": np.zeros(50, np.float32)}, "two dimensions"),
        ("item_cf.safetensors", {"prior": np.zeros(49, np.float32)}, r"prior has shape \(49,\), expected \(50,\)"),
        ("item_cf.safetensors", {"history_indptr": np.zeros(51, np.int64)}, "lacks the array 'indices'"),
        ("item_cf.safetensors", {"history_factors": np.zeros((49, 8), np.float32)}, "49 rows of history_, expected 50"),
        ("catalog.safetensors", {"movie_ids": IDS[::-1]}, "movie_ids must ascend, but 145 follows 148 in row 1"),
        ("catalog.safetensors", {"movie_ids": np.r_[IDS[1], IDS[1:]]}, "movie_ids must ascend, but 4 follows 4"),
        ("catalog.safetensors", {"movie_ids": IDS - 1}, "must be positive, but holds 0"),
        ("catalog.safetensors", {"tmdb_ids": -IDS}, "tmdb_ids must not be negative"),
        ("catalog.safetensors", {"years": np.zeros(3, np.int16)}, r"years has shape \(3,\), expected \(50,\)"),
        ("catalog.safetensors", {"genres": np.zeros((50, 5), np.bool_)}, r"genres has shape \(50, 5\)"),
        ("catalog.safetensors", {"popularity": None}, "lacks the array popularity"),
        ("catalog.safetensors", {"movie_ids": np.zeros(0, np.int64)}, "movie_ids has shape"),
    ],
)
def test_unsound_arrays_are_refused_though_their_hashes_are_right(
    store: Path, first: Bundle, forge: Any, name: str, changes: dict[str, Any], message: str
) -> None:
    folder = forge(first, tensors(first, name, **changes))
    with pytest.raises(BundleError, match=message) as caught:
        load(store)
    assert str(folder) in caught.value.message
    assert name in caught.value.message


def test_unknown_pooling_is_refused(store: Path, first: Bundle, forge: Any) -> None:
    arrays = load_tensors((first.path / "two_tower.safetensors").read_bytes())
    forge(first, {"two_tower.safetensors": save_tensors(arrays, metadata={"pooling": "max"})})
    with pytest.raises(BundleError, match=r"two_tower\.safetensors has the unknown pooling 'max'"):
        load(store)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("catalog.json", {"titles": ["one"], "genre_names": ["a", "b", "c", "d"]}, "1 titles, expected 50"),
        ("catalog.json", {"titles": ["x"] * 50, "genre_names": ["b", "a", "c", "d"]}, "genre_names must be sorted"),
        ("catalog.json", {"titles": ["x"] * 50}, r"catalog\.json can't be read: genre_names: Field required"),
        ("reranker.json", {"n_candidates": 0}, r"reranker\.json can't be read: n_candidates"),
        ("reranker.json", {"new_dial": 0}, r"reranker\.json can't be read: new_dial"),
    ],
)
def test_unsound_json_is_refused(store: Path, first: Bundle, forge: Any, name: str, value: Any, message: str) -> None:
    folder = forge(first, {name: json.dumps(value).encode()})
    with pytest.raises(BundleError, match=message) as caught:
        load(store)
    assert f"{folder}/{name}" in caught.value.message


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("n_movies", 51, "n_movies is 51, the catalogue has 50"),
        ("dimensions", 9, "dimensions is 9, the vectors have 8"),
        ("shapes", {}, r"two_tower\.safetensors: .* has shape .*, the manifest says nothing"),
    ],
)
def test_a_manifest_that_disagrees_with_the_files_is_refused(
    store: Path, first: Bundle, forge: Any, field: str, value: Any, message: str
) -> None:
    forge(first, {}, {field: value})
    with pytest.raises(BundleError, match=message):
        load(store)


def test_a_version_under_another_name_is_refused(store: Path, first: Bundle) -> None:
    other = first.path.rename(first.path.with_name("2026-01-01T00-00-00Z-00000000"))
    with pytest.raises(BundleError, match=r"belongs to .*, not to this folder"):
        load(other)


def test_a_swapped_manifest_is_noticed_by_the_pointer(store: Path, first: Bundle, forge: Any) -> None:
    pointer = (store / "CURRENT.json").read_bytes()
    folder = forge(first, {"eval/report.json": b"{}"})
    name = folder.name.encode()
    (store / "CURRENT.json").write_bytes(pointer.replace(first.manifest.version.encode(), name))
    with pytest.raises(BundleError, match=r"manifest\.json is not the one that the pointer names"):
        load(store)


@pytest.mark.parametrize("damage", [flip_middle, truncate, remove])
def test_a_running_server_keeps_the_old_bundle(
    store: Path, first: Bundle, make_contents: Any, damage: Callable[[Path], None]
) -> None:
    from marquee.bundle import publish

    live = Live(store)
    live.check()
    newer = publish(store, make_contents(seed=2))
    damage(newer.path / "two_tower.safetensors")
    assert live.check() == "refused"
    assert live.get().version == first.manifest.version
    assert live.refusals == 1
