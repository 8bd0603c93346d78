"""Channels: named pointers beside the current one, and servers that are pinned to a version."""

from pathlib import Path
from typing import Any

import pytest

from marquee.bundle import Bundle, Live, current, list_versions, load, promote, prune, publish, rollback
from marquee.errors import BundleError


def version_of(store: Path, channel: str) -> str | None:
    pointer = current(store, channel)
    return pointer and pointer.version


@pytest.fixture
def staged(store: Path, first: Bundle, make_contents: Any) -> Bundle:
    """The version that `staging` has, while `current` has the first."""
    return publish(store, make_contents(seed=2), channel="staging")


def test_publishing_to_a_channel_leaves_the_others(store: Path, first: Bundle, staged: Bundle) -> None:
    assert version_of(store, "current") == first.version
    assert version_of(store, "staging") == staged.version
    assert load(store).version == first.version
    assert load(store, "staging").version == staged.version
    assert [(one.version, one.channels) for one in list_versions(store)] == [
        (staged.version, ("staging",)),
        (first.version, ("current",)),
    ]


def test_promoting_moves_a_channel_to_what_another_one_has(store: Path, first: Bundle, staged: Bundle) -> None:
    assert promote(store, "staging").version == staged.version
    assert load(store).version == staged.version
    assert rollback(store).version == first.version
    assert version_of(store, "staging") == staged.version  # its own pointer
    assert promote(store, first.version, to="staging").version == first.version
    assert list_versions(store)[1].channels == ("current", "staging")


def test_pruning_spares_what_any_channel_has(store: Path, first: Bundle, staged: Bundle, make_contents: Any) -> None:
    third, fourth = (publish(store, make_contents(seed=seed)) for seed in (3, 4))
    assert prune(store, keep=1) == [first.version]  # the third is the one before the current one
    assert [one.version for one in list_versions(store)] == [fourth.version, third.version, staged.version]


@pytest.mark.parametrize("name", ["", "Staging", "a/b", "../x", "staging.json", "-a", "2026-01-31T12-00-00Z-0123abcd"])
def test_what_is_no_channels_name_is_refused_before_anything_is_written(
    store: Path, first: Bundle, make_contents: Any, name: str
) -> None:
    with pytest.raises(BundleError, match="is not the name of a version or channel"):
        publish(store, make_contents(seed=2), channel=name)
    assert len(list_versions(store)) == 1


def test_a_channel_without_a_version_says_how_it_gets_one(store: Path, first: Bundle) -> None:
    with pytest.raises(BundleError, match="nothing was promoted to staging") as caught:
        load(store, "staging")
    assert "marquee promote" in caught.value.fix
    with pytest.raises(BundleError, match="nothing was promoted to staging"):
        promote(store, "staging")


def test_a_server_follows_its_channel_alone(store: Path, first: Bundle, make_contents: Any) -> None:
    live = Live(store, model="staging")
    assert live.check() == "refused"
    staged = publish(store, make_contents(seed=2), channel="staging")
    assert live.check() == "swapped"
    assert live.get().version == staged.version
    publish(store, make_contents(seed=3))
    assert live.check() == "unchanged"


def test_a_pinned_server_waits_for_its_version_and_keeps_it(store: Path, first: Bundle, make_contents: Any) -> None:
    pinned = publish(store, make_contents(seed=2), activate=False)
    live, aside = Live(store, model=pinned.version), store / "aside"
    pinned.path.rename(aside)
    assert live.check() == "refused"
    with pytest.raises(BundleError, match=f"no version {pinned.version}"):
        live.get()
    aside.rename(pinned.path)
    assert live.check() == "swapped"
    publish(store, make_contents(seed=3))
    assert live.check() == "unchanged"
    assert live.get().version == pinned.version
    assert live.swaps == 1


def test_a_pinned_server_uses_nothing_else_if_its_version_is_damaged(store: Path, two: tuple[Bundle, Bundle]) -> None:
    _, newer = two
    (newer.path / "reranker.json").write_bytes(b"{}")
    assert Live(store).check() == "fell_back"
    live = Live(store, model=newer.version)
    assert live.check() == "refused"
    assert not live.ready
