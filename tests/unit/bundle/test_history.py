"""The versions of a store by their manifests: what a page shows that refreshes itself."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from marquee.bundle import Live, Published, export, list_versions, prune, publish, rollback
from marquee.bundle import history as module
from marquee.bundle.history import History
from marquee.errors import BundleError


def test_it_says_what_the_list_says(store: Path, two: tuple[Published, Published]) -> None:
    found = History(store).versions()
    listed = list_versions(store)
    assert [(past.version, past.created, past.current, past.ndcg, past.ci95) for past in found] == [
        (entry.version, entry.created, entry.current, entry.ndcg, entry.ci95) for entry in listed
    ]
    assert [past.version for past in found] == [two[1].manifest.version, two[0].manifest.version]
    assert [past.manifest_sha256 for past in found] == [one.manifest.sha256() for one in reversed(two)]
    assert found[0].ndcg == 0.5


def test_it_follows_the_store_and_reads_each_manifest_once(
    store: Path, first: Published, make_contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    original = module._manifest
    monkeypatch.setattr(module, "_manifest", lambda folder: (read.append(folder), original(folder))[1])
    history = History(store)
    assert [past.current for past in history.versions()] == [True]
    second = publish(store, make_contents(seed=2))
    assert [past.current for past in history.versions()] == [True, False]
    rollback(store)
    assert [past.current for past in history.versions()] == [False, True]
    history.versions()
    assert read == [first.path, second.path]


def test_pruned_versions_are_forgotten(store: Path, make_contents: Any) -> None:
    for seed in range(4):
        publish(store, make_contents(seed=seed))
    history = History(store)
    assert len(history.versions()) == 4
    gone = prune(store, keep=1)
    assert not {past.version for past in history.versions()} & set(gone)
    assert not set(history._read) & set(gone)


def test_an_unreadable_manifest_leaves_the_rest(store: Path, two: tuple[Published, Published]) -> None:
    (two[0].path / "manifest.json").write_text("{}")
    newest, older = History(store).versions()
    assert (newest.ndcg, newest.manifest_sha256) == (0.5, two[1].manifest.sha256())
    assert (older.version, older.ndcg, older.ci95, older.manifest_sha256) == (two[0].manifest.version, None, None, "")


def test_the_rest_of_a_copy_may_still_arrive(store: Path, first: Published) -> None:
    manifest = first.path / "manifest.json"
    whole = manifest.read_bytes()
    manifest.unlink()
    history = History(store)
    assert history.versions()[0].ndcg is None
    manifest.write_bytes(whole)
    assert history.versions()[0].ndcg == 0.5


def test_no_store_and_no_pointer(tmp_path: Path, store: Path, two: tuple[Published, Published]) -> None:
    assert History(tmp_path / "none").versions() == []
    (store / "CURRENT.json").write_text("nonsense")
    assert [past.current for past in History(store).versions()] == [False, False]


def test_only_the_newest_are_listed(store: Path, first: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    for second in range(60):
        (store / "versions" / f"2020-01-01T00-00-{second:02}Z-00000000").mkdir()
    found = History(store).versions()
    assert len(found) == module.MOST
    assert found[0].version == first.manifest.version


def test_the_folder_of_one_version(tmp_path: Path, store: Path, first: Published) -> None:
    export(store, tmp_path / "one")
    (only,) = History(tmp_path / "one").versions()
    assert (only.version, only.current, only.ndcg) == (first.manifest.version, True, 0.5)
    (tmp_path / "one" / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match="not a bundle's manifest"):
        History(tmp_path / "one").versions()


def test_a_server_says_which_version_it_refuses(store: Path, two: tuple[Published, Published]) -> None:
    shutil.rmtree(two[1].path)
    live = Live(store)
    live.check()  # falls back to the first
    assert live.refuses(two[1].manifest.sha256())
    assert not live.refuses(two[0].manifest.sha256())
    assert not live.refuses("")
    rollback(store)
    live.check()
    assert not live.refuses(two[1].manifest.sha256())
