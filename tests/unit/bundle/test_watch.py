import logging
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marquee.bundle import Bundle, Live, export, load, publish, rollback
from marquee.errors import BundleError
from tests.waiting import until


def spoil(published: Bundle) -> None:
    (published.path / "two_tower.safetensors").write_bytes(b"spoiled")


def test_it_follows_the_pointer_forth_and_back(store: Path, first: Bundle, make_contents: Any) -> None:
    live: Live[Bundle] = Live(store)
    assert not live.ready
    assert live.check() == "swapped"
    assert live.check() == "unchanged"
    newer = publish(store, make_contents(seed=2))
    assert live.check() == "swapped"
    assert live.get().version == newer.version
    rollback(store)
    assert live.check() == "swapped"
    assert live.get().version == first.version
    assert (live.swaps, live.refusals) == (3, 0)


def test_a_bad_bundle_is_refused_logged_and_counted_once(
    store: Path, first: Bundle, make_contents: Any, caplog: pytest.LogCaptureFixture
) -> None:
    live: Live[Bundle] = Live(store)
    live.check()
    newer = publish(store, make_contents(seed=2))
    spoil(newer)
    with caplog.at_level(logging.WARNING):
        checks = [live.check() for _ in range(5)]
    assert checks == ["refused"] + ["unchanged"] * 4
    assert live.get().version == first.manifest.version
    assert live.refusals == 1
    (refusal,) = [message for message in caplog.messages if "refused" in message]
    assert f"bundle refused, still serving {first.manifest.version}: " in refusal
    assert "two_tower.safetensors has 7 bytes" in refusal


def test_a_refused_bundle_is_tried_again_and_not_counted_again(store: Path, first: Bundle, make_contents: Any) -> None:
    live = Live(store, retry=0.0)
    live.check()
    newer = publish(store, make_contents(seed=2))
    whole = (newer.path / "two_tower.safetensors").read_bytes()
    spoil(newer)
    assert [live.check() for _ in range(3)] == ["refused"] * 3
    (newer.path / "two_tower.safetensors").write_bytes(whole)  # the rest of the copy arrived
    assert live.check() == "swapped"
    assert live.refusals == 1


def test_a_failing_build_refuses_the_bundle(
    store: Path, first: Bundle, make_contents: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def build(bundle: Bundle) -> Bundle:
        if bundle.version != first.manifest.version:
            raise ZeroDivisionError("oops")
        return bundle

    live = Live(store, build=build)
    live.check()
    publish(store, make_contents(seed=2))
    assert live.check() == "refused"
    assert "ZeroDivisionError: oops" in caplog.text
    assert live.get().version == first.manifest.version


def test_the_build_is_over_before_the_swap(store: Path, first: Bundle, make_contents: Any) -> None:
    seen: list[str | None] = []

    def build(bundle: Bundle) -> Bundle:
        seen.append(live.get().version if live.ready else None)
        return bundle

    live = Live(store, build=build)
    live.check()
    publish(store, make_contents(seed=2))
    live.check()
    assert seen == [None, first.manifest.version]


def test_at_the_start_it_falls_back(store: Path, two: tuple[Bundle, Bundle]) -> None:
    spoil(two[1])
    live: Live[Bundle] = Live(store)
    assert live.check() == "fell_back"
    assert live.get().version == two[0].manifest.version
    assert live.check() == "unchanged"
    assert live.refusals == 1


def test_without_any_bundle_it_is_not_ready_and_says_why(store: Path, make_contents: Any) -> None:
    live: Live[Bundle] = Live(store)
    assert [live.check() for _ in range(2)] == ["refused", "refused"]
    assert live.refusals == 1
    for _ in range(2):
        with pytest.raises(BundleError, match="no bundle in"):
            live.get()
    publish(store, make_contents())
    assert live.check() == "swapped"
    assert live.ready


def test_a_garbage_pointer_leaves_the_old_bundle(store: Path, first: Bundle) -> None:
    live: Live[Bundle] = Live(store)
    live.check()
    good = (store / "CURRENT.json").read_bytes()
    for _ in range(2):
        (store / "CURRENT.json").write_bytes(b"garbage")
        assert live.check() == "refused"
        (store / "CURRENT.json").write_bytes(good)
        assert live.check() == "unchanged"
    assert live.get().version == first.manifest.version
    assert live.refusals == 2


def test_a_single_folder_is_followed_too(store: Path, two: tuple[Bundle, Bundle], tmp_path: Path) -> None:
    for index, published in enumerate(two):
        export(store, tmp_path / str(index), published.manifest.version)
    mount = tmp_path / "mount"
    mount.symlink_to(tmp_path / "0")
    live = Live(mount)
    assert live.check() == "swapped"
    assert live.get().version == two[0].manifest.version
    (tmp_path / "next").symlink_to(tmp_path / "1")
    (tmp_path / "next").replace(mount)  # as Kubernetes swaps a volume
    assert live.check() == "swapped"
    assert live.get().version == two[1].manifest.version


def test_the_thread_follows_by_itself(store: Path, first: Bundle, make_contents: Any) -> None:
    others = set(threading.enumerate())
    live: Live[Bundle] = Live(store, interval=0.01)
    live.start()
    live.start()  # a second call is harmless
    newer = publish(store, make_contents(seed=2))
    until(lambda: live.get().version == newer.manifest.version)
    live.stop()
    assert live.get().version == newer.manifest.version
    assert not [thread for thread in set(threading.enumerate()) - others if thread.name == "bundle-watch"]


def test_concurrent_readers_never_see_a_mixture_during_10_publishes(store: Path, make_contents: Any) -> None:
    """Each version's parts carry its number: a mixture would show two numbers."""
    golden: dict[str, bytes] = {}

    def answer(bundle: Bundle) -> bytes:
        scores = bundle.two_tower.scores([0, 1, 2]) + bundle.item_cf.scores([0, 1, 2])
        return np.argsort(-scores, kind="stable").tobytes() + bundle.catalog.years.tobytes()

    def release(seed: int) -> str:
        version = publish(store, make_contents(seed=seed), activate=False).manifest.version
        golden[version] = answer(load(store, version))
        rollback(store, version)
        return version

    release(0)
    live: Live[Bundle] = Live(store, interval=0.005)
    live.start()
    wrong: list[str] = []
    counts: dict[str, int] = {}
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            bundle = live.get()
            if answer(bundle) != golden[bundle.version]:
                wrong.append(bundle.version)
            counts[bundle.version] = counts.get(bundle.version, 0) + 1
            time.sleep(0.001)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for seed in range(1, 11):
        version = release(seed)
        until(lambda version=version: version in counts, every=0.002)  # type: ignore[misc]
    over.set()
    for reader in readers:
        reader.join()
    live.stop()
    assert wrong == []
    assert (live.swaps, live.refusals) == (11, 0)
    assert counts.keys() >= set(list(golden)[1:])  # the readers were at work all along


def test_the_bundle_before_can_still_be_asked_for(store: Path, first: Bundle, make_contents: Any) -> None:
    live: Live[Bundle] = Live(store)
    live.check()
    old = first.manifest.version
    assert live.get(old).version == live.get("unheard of").version == old
    second = publish(store, make_contents(seed=2)).manifest.version
    live.check()
    assert (live.get(old).version, live.get().version, live.get(second).version) == (old, second, second)
    third = publish(store, make_contents(seed=3)).manifest.version
    live.check()
    assert (live.get(second).version, live.get(old).version) == (second, third)


def test_changes_are_told_of_once(store: Path, first: Bundle, make_contents: Any) -> None:
    told: list[tuple[str, str | None]] = []
    live: Live[Bundle] = Live(store, retry=0.0, on_change=lambda *change: told.append(change))
    live.check()
    spoil(publish(store, make_contents(seed=2)))
    for _ in range(3):
        live.check()
    assert told == [("swapped", first.manifest.version), ("refused", first.manifest.version)]


def test_a_folder_whose_manifest_is_gone_leaves_the_old_bundle(tmp_path: Path, first: Bundle) -> None:
    live: Live[Bundle] = Live(first.path)
    live.check()
    (first.path / "manifest.json").unlink()
    assert live.check() == "refused"
    assert live.get().version == first.manifest.version


def test_the_thread_survives_a_failing_check(
    store: Path, first: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    live: Live[Bundle] = Live(store, interval=0.005)
    live.start()
    monkeypatch.setattr(live, "_check", lambda: 1 / 0)
    until(lambda: "the check for a new bundle failed" in caplog.text)
    assert live._thread is not None
    assert live._thread.is_alive()
    live.stop()
