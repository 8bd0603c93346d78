import fcntl
import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marquee.bundle import Bundle, Metrics, current, list_versions, load, publish
from marquee.bundle.manifest import time_of
from marquee.errors import BundleError, PublishRefused, StoreUnusable


def test_it_lies_where_the_contract_says(store: Path, first: Bundle) -> None:
    files = {path.relative_to(first.path).as_posix() for path in first.path.rglob("*") if path.is_file()}
    assert files == {
        "manifest.json",
        "two_tower.safetensors",
        "item_cf.safetensors",
        "catalog.safetensors",
        "catalog.json",
        "reranker.json",
        "eval/report.json",
    }
    assert first.path == store / "versions" / first.manifest.version
    pointer = json.loads((store / "CURRENT.json").read_text())
    assert pointer == {"version": first.manifest.version, "manifest_sha256": first.manifest.sha256()}


def test_the_manifest_tells_where_it_came_from(store: Path, make_contents: Any) -> None:
    contents = replace(make_contents(n_movies=30), config={"epochs": np.int64(3), "folder": Path("x"), "t": (1, 2)})
    manifest = publish(store, contents).manifest
    assert (manifest.n_movies, manifest.dimensions) == (30, 8)
    assert manifest.shapes["two_tower.safetensors"]["hidden_weight"] == [8, 8]
    assert manifest.config == {"epochs": 3, "folder": "x", "t": [1, 2]}
    assert manifest.data.counts == {"ratings": 300}


def test_an_image_can_tell_the_commit_it_was_built_from(
    store: Path, make_contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARQUEE_GIT_COMMIT", "abc")
    assert publish(store, make_contents()).manifest.code_version.git_commit == "abc"


def test_other_users_can_read_it(first: Bundle) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert first.path.stat().st_mode & 0o777 == 0o777 & ~mask
    assert (first.path / "manifest.json").stat().st_mode & 0o777 == 0o666 & ~mask


def test_publishing_the_same_again_changes_nothing(store: Path, first: Bundle, make_contents: Any) -> None:
    again = publish(store, make_contents(seed=1))
    assert (again.manifest, again.path) == (first.manifest, first.path)
    assert len(list_versions(store)) == 1


def test_the_same_is_written_again_if_the_current_one_is_damaged(
    store: Path, first: Bundle, make_contents: Any
) -> None:
    (first.path / "catalog.json").write_bytes(b"")
    again = publish(store, make_contents(seed=1))
    assert again.version != first.version
    assert "catalog.json has 0 bytes" in again.notes[0]
    assert load(store).version == again.manifest.version


def test_the_previous_version_is_remembered(store: Path, two: tuple[Bundle, Bundle]) -> None:
    pointer = current(store)
    assert pointer is not None
    assert (pointer.version, pointer.previous) == (two[1].manifest.version, two[0].manifest.version)


def test_names_sort_in_the_order_of_publishing_even_within_a_second(store: Path, make_contents: Any) -> None:
    names = [publish(store, make_contents(seed=seed)).manifest.version for seed in range(4)]
    assert names == sorted(names)
    assert len({time_of(name) for name in names}) == 4


def test_a_worse_one_is_refused_with_every_reason(store: Path, first: Bundle, make_contents: Any) -> None:
    with pytest.raises(PublishRefused) as caught:
        publish(store, make_contents(seed=2, ndcg=0.1))
    assert str(caught.value) == (
        "not published:\n"
        "  - ndcg@10 at 5 seeds is 0.1000, below what popularity alone reaches (0.2000)\n"
        "  - ndcg@10 at 5 seeds is 0.1000, more than 0.01 below the current bundle's 0.5000\n"
        "  fix: train a better one, or publish anyway with --force"
    )
    assert [info.version for info in list_versions(store)] == [first.manifest.version]


def test_force_publishes_it_and_says_so(store: Path, first: Bundle, make_contents: Any) -> None:
    forced = publish(store, make_contents(seed=2, ndcg=0.1), force=True)
    assert load(store).version == forced.manifest.version
    assert [note.split(",")[0] for note in forced.notes] == ["published by force"] * 2


def test_without_metrics_it_takes_force(store: Path, make_contents: Any) -> None:
    with pytest.raises(PublishRefused, match="has no ndcg@10 at 5 seeds, so nothing shows"):
        publish(store, make_contents(ndcg=None))
    assert current(store) is None
    forced = publish(store, make_contents(ndcg=None), force=True)
    assert load(store).version == forced.version


def test_after_an_unmeasured_one_nothing_is_compared_and_a_note_says_so(store: Path, make_contents: Any) -> None:
    publish(store, make_contents(ndcg=None), force=True)
    published = publish(store, make_contents(seed=1, ndcg=0.3))
    assert len(published.notes) == 1
    assert published.notes[0].startswith("not compared with ")


def test_other_data_is_not_compared(store: Path, first: Bundle, make_contents: Any) -> None:
    contents = make_contents(seed=2, ndcg=0.3)
    other = replace(contents, data=contents.data.model_copy(update={"sha256": "e" * 64}))
    assert "other data" in publish(store, other).notes[0]


def test_writing_without_activating_leaves_the_pointer(store: Path, first: Bundle, make_contents: Any) -> None:
    written = publish(store, make_contents(seed=2, ndcg=0.1), activate=False)
    assert load(store).version == first.manifest.version
    assert load(store, written.manifest.version).version == written.manifest.version


def test_unsound_contents_are_refused_before_anything_is_written(store: Path, make_contents: Any) -> None:
    contents = make_contents()
    contents.two_tower.item_vectors[3, 2] = np.nan
    contents.catalog.movie_ids[:2] = 7, 4
    with pytest.raises(BundleError) as caught:
        publish(store, contents)
    assert "item_vectors holds 1 values that are not finite numbers" in str(caught.value)
    assert "movie_ids must ascend, but 4 follows 7 in row 1" in str(caught.value)
    assert not store.exists()


@pytest.mark.parametrize("name", ["../x.json", "model.pkl", "x.py"])
def test_eval_files_of_other_kinds_are_refused(store: Path, make_contents: Any, name: str) -> None:
    with pytest.raises(BundleError, match="can't be published"):
        publish(store, replace(make_contents(), eval_files={name: b""}))


def test_metrics_that_are_not_json_are_refused(store: Path, make_contents: Any) -> None:
    with pytest.raises(BundleError, match="can't be published"):
        publish(store, replace(make_contents(), metrics=Metrics.model_validate({"loss": float("nan")})))


def test_a_failing_disk_leaves_nothing_behind(
    store: Path, first: Bundle, make_contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreUnusable, match="No space"):
            publish(store, make_contents(seed=2))
    assert [path.name for path in (store / "versions").iterdir()] == [first.manifest.version]
    assert load(store).version == first.manifest.version


def test_what_a_dead_publisher_left_is_cleared(store: Path, first: Bundle, make_contents: Any) -> None:
    (store / "versions" / ".tmp-dead").mkdir()
    (store / "versions" / ".tmp-dead" / "two_tower.safetensors").write_bytes(b"half")
    (store / "CURRENT.json.tmp-dead").write_bytes(b"{")
    publish(store, make_contents(seed=2))
    assert [path.name for path in store.rglob("*.tmp-*")] == []
    assert len(list((store / "versions").iterdir())) == 2


def test_a_publisher_that_never_finishes_is_not_waited_for_for_ever(
    store: Path, first: Bundle, make_contents: Any
) -> None:
    with (store / ".publish.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BundleError, match=r"another publisher has held .*\.publish\.lock for 0\.1 s"):
            publish(store, make_contents(seed=2), lock_timeout=0.1)


def test_publishers_at_the_same_time_wait_for_each_other(store: Path, make_contents: Any) -> None:
    failures: list[Exception] = []

    def work(seed: int) -> None:
        try:
            publish(store, make_contents(seed=seed))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    infos = list_versions(store)
    assert failures == []
    assert (len(infos), any(info.refused for info in infos)) == (8, False)
    assert infos[0].current  # the last one to publish is the newest, and current


def test_flat_vectors_are_refused(store: Path, make_contents: Any) -> None:
    made = make_contents()
    flat = replace(made.two_tower, item_vectors=made.two_tower.item_bias)
    with pytest.raises(BundleError, match="expected two dimensions"):
        publish(store, replace(made, two_tower=flat))


def test_a_garbage_pointer_is_replaced_and_a_note_says_so(store: Path, first: Bundle, make_contents: Any) -> None:
    (store / "CURRENT.json").write_bytes(b"garbage")
    published = publish(store, make_contents(seed=2))
    assert "pointer was unreadable" in published.notes[0]
    assert load(store).version == published.manifest.version


def test_what_does_not_read_back_is_not_published(
    store: Path, first: Bundle, make_contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(path: Path, raw: bytes) -> None:
        path.write_bytes(raw if path.name == "manifest.json" else raw[:-1])

    monkeypatch.setattr(sys.modules["marquee.bundle.publish"], "write_durably", forgetful)
    with pytest.raises(BundleError, match="doesn't read back"):
        publish(store, make_contents(seed=2))
    assert load(store).version == first.manifest.version
    assert len(list((store / "versions").iterdir())) == 1


def test_an_unpublished_bundle_has_no_manifest(make_contents: Any) -> None:
    assert make_contents().version == "unpublished"
    with pytest.raises(BundleError, match="no manifest yet"):
        _ = make_contents().manifest
