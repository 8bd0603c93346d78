import shutil
from pathlib import Path
from typing import Any

import pytest

from marquee.bundle import (
    Bundle,
    Live,
    activate,
    current,
    export,
    list_versions,
    load,
    open_store,
    prune,
    publish,
    rollback,
    verify,
)
from marquee.bundle.folder_store import FolderStore
from marquee.bundle.versions import HISTORY_LENGTH, History
from marquee.errors import BundleError


@pytest.fixture
def names(store: Path, make_contents: Any) -> list[str]:
    """Four versions, oldest first; the last is current."""
    return [publish(store, make_contents(seed=seed)).manifest.version for seed in range(4)]


def break_it(store: Path, name: str) -> None:
    (store / "versions" / name / "reranker.json").write_bytes(b"{}")


def pointed(store: Path) -> str:
    pointer = current(store)
    assert pointer is not None
    return pointer.version


def test_rollback_goes_to_the_previous_version_and_never_forth_again(store: Path, names: list[str]) -> None:
    for expected in reversed(names[:3]):
        assert rollback(store).version == expected == load(store).version
    with pytest.raises(BundleError) as caught:
        rollback(store)
    assert str(caught.value) == (
        f"no sound version in {store} to go back to\n  fix: see the versions with `marquee list`"
    )
    assert pointed(store) == names[0]


def test_rollback_skips_damaged_versions(store: Path, names: list[str]) -> None:
    break_it(store, names[2])
    assert rollback(store).version == names[1]


def test_rollback_refuses_damaged_and_unknown_versions(store: Path, names: list[str]) -> None:
    break_it(store, names[1])
    with pytest.raises(BundleError, match=f"{names[1]} is damaged, so it can't be current: .*reranker.json"):
        rollback(store, names[1])
    with pytest.raises(BundleError, match="no version 2020-01-01T00-00-00Z-00000000 in"):
        rollback(store, "2020-01-01T00-00-00Z-00000000")
    with pytest.raises(BundleError, match="is not the name of a version"):
        rollback(store, "../sample")
    assert pointed(store) == names[3]


def test_after_a_rollback_readers_do_not_fall_back_to_what_one_went_back_from(store: Path, names: list[str]) -> None:
    rollback(store)
    break_it(store, names[2])
    assert load(store, fall_back=True).version == names[1]


def test_rollback_repairs_a_garbage_pointer(store: Path, names: list[str]) -> None:
    (store / "CURRENT.json").write_bytes(b"garbage")
    assert rollback(store).version == names[3]
    assert load(store).version == names[3]


def test_a_written_version_can_be_activated_later(store: Path, first: Bundle, make_contents: Any) -> None:
    written = publish(store, make_contents(seed=2), activate=False).manifest.version
    pointer = activate(store, written)
    assert (pointer.version, pointer.previous) == (written, first.manifest.version)


def test_the_list_tells_all(store: Path, names: list[str]) -> None:
    break_it(store, names[0])
    infos = list_versions(store)
    assert [info.version for info in infos] == names[::-1]
    assert [info.current for info in infos] == [True, False, False, False]
    assert [info.refused for info in infos] == [False, False, False, True]
    assert (infos[0].n_movies, infos[0].ndcg, infos[0].data) == (50, 0.5, "random")
    assert infos[0].size == sum(path.stat().st_size for path in load_path(store, names[3]).rglob("*") if path.is_file())
    assert infos[0].created.isoformat().startswith(names[3][:10])


def load_path(store: Path, name: str) -> Path:
    return store / "versions" / name


def test_an_empty_or_missing_store_lists_nothing(tmp_path: Path) -> None:
    assert list_versions(tmp_path) == list_versions(tmp_path / "nowhere") == []


def test_verify_of_any_version(store: Path, names: list[str]) -> None:
    break_it(store, names[0])
    assert verify(store).ok
    assert verify(store, names[1]).ok
    assert not verify(store, names[0]).ok
    assert not verify(store / "versions" / names[0]).ok
    assert "no version" in verify(store, "2020-01-01T00-00-00Z-00000000").problems[0].message


def test_prune_keeps_the_newest_the_current_and_the_previous(store: Path, names: list[str]) -> None:
    rollback(store, names[1])  # previous is names[0]
    assert prune(store, keep=1) == [names[2]]
    assert sorted(info.version for info in list_versions(store)) == [names[0], names[1], names[3]]


def test_prune_does_not_count_damaged_versions(store: Path, names: list[str]) -> None:
    break_it(store, names[2])  # the previous one: in use, so it stays
    break_it(store, names[1])
    assert prune(store, keep=2) == [names[1]]


def test_prune_does_nothing_without_knowing_what_is_in_use(store: Path, names: list[str]) -> None:
    (store / "CURRENT.json").write_bytes(b"garbage")
    with pytest.raises(BundleError, match="is not a pointer"):
        prune(store, keep=1)
    with pytest.raises(BundleError, match="keep must be at least 1"):
        prune(store, keep=0)
    assert len(list_versions(store)) == 4


def test_a_folder_with_an_impossible_date_is_no_version(store: Path, names: list[str]) -> None:
    strange = "2026-13-45T99-00-00Z-0123abcd"
    (store / "versions" / strange).mkdir()
    assert [entry.version for entry in list_versions(store)] == names[::-1]
    assert open_store(store).strange_names() == [strange]
    assert load(store).version == names[3]
    with pytest.raises(BundleError, match="is not the name of a version"):
        rollback(store, strange)


def test_export_takes_one_version_out(store: Path, names: list[str], tmp_path: Path) -> None:
    assert export(store, tmp_path / "layer" / "bundle") == names[3]
    assert load(tmp_path / "layer" / "bundle").version == names[3]
    assert export(tmp_path / "layer" / "bundle", tmp_path / "again") == names[3]
    assert export(store, tmp_path / "old", names[0]) == names[0]
    with pytest.raises(BundleError, match="old exists already"):
        export(store, tmp_path / "old")


def test_export_refuses_a_damaged_version(store: Path, names: list[str], tmp_path: Path) -> None:
    break_it(store, names[3])
    with pytest.raises(BundleError, match=r"reranker\.json"):
        export(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_history_says_what_the_list_says(store: Path, two: tuple[Bundle, Bundle]) -> None:
    found = History(store).versions()
    listed = list_versions(store)
    assert found == [entry.model_copy(update={"size": 0}) for entry in listed]
    assert [past.version for past in found] == [two[1].manifest.version, two[0].manifest.version]
    assert [past.manifest_sha256 for past in found] == [one.manifest.sha256() for one in reversed(two)]
    assert found[0].ndcg == 0.5


def test_it_follows_the_store_and_reads_each_manifest_once(
    store: Path, first: Bundle, make_contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = FolderStore.manifest
    monkeypatch.setattr(FolderStore, "manifest", lambda self, name: (read.append(name), original(self, name))[1])
    history = History(store)
    assert [past.current for past in history.versions()] == [True]
    second = publish(store, make_contents(seed=2))
    assert [past.current for past in history.versions()] == [True, False]
    rollback(store)
    assert [past.current for past in history.versions()] == [False, True]
    history.versions()
    assert read == [first.version, second.version]


def test_pruned_versions_are_forgotten(store: Path, make_contents: Any) -> None:
    for seed in range(4):
        publish(store, make_contents(seed=seed))
    history = History(store)
    assert len(history.versions()) == 4
    gone = prune(store, keep=1)
    assert not {past.version for past in history.versions()} & set(gone)
    assert not set(history._manifests) & set(gone)


def test_an_unreadable_manifest_leaves_the_rest(store: Path, two: tuple[Bundle, Bundle]) -> None:
    (two[0].path / "manifest.json").write_text("{}")
    newest, older = History(store).versions()
    assert (newest.ndcg, newest.manifest_sha256) == (0.5, two[1].manifest.sha256())
    assert (older.version, older.ndcg, older.ci95, older.manifest_sha256) == (two[0].manifest.version, None, None, "")
    assert (newest.refused, older.refused) == (False, True)


def test_the_rest_of_a_copy_may_still_arrive(store: Path, first: Bundle) -> None:
    manifest = first.path / "manifest.json"
    whole = manifest.read_bytes()
    manifest.unlink()
    history = History(store)
    assert history.versions()[0].ndcg is None
    manifest.write_bytes(whole)
    assert history.versions()[0].ndcg == 0.5


def test_no_store_and_no_pointer(tmp_path: Path, store: Path, two: tuple[Bundle, Bundle]) -> None:
    assert History(tmp_path / "none").versions() == []
    (store / "CURRENT.json").write_text("nonsense")
    assert [past.current for past in History(store).versions()] == [False, False]


def test_only_the_newest_are_listed(store: Path, first: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    for second in range(60):
        (store / "versions" / f"2020-01-01T00-00-{second:02}Z-00000000").mkdir()
    found = History(store).versions()
    assert len(found) == HISTORY_LENGTH
    assert found[0].version == first.manifest.version


def test_the_folder_of_one_version(tmp_path: Path, store: Path, first: Bundle) -> None:
    export(store, tmp_path / "one")
    (only,) = History(tmp_path / "one").versions()
    assert (only.version, only.current, only.ndcg) == (first.manifest.version, True, 0.5)
    (tmp_path / "one" / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match="not a bundle's manifest"):
        History(tmp_path / "one").versions()


def test_a_server_says_which_version_it_refuses(store: Path, two: tuple[Bundle, Bundle]) -> None:
    shutil.rmtree(two[1].path)
    live = Live(store)
    live.check()  # falls back to the first
    assert live.refuses(two[1].manifest.sha256())
    assert not live.refuses(two[0].manifest.sha256())
    assert not live.refuses("")
    rollback(store)
    live.check()
    assert not live.refuses(two[1].manifest.sha256())
