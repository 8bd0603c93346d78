"""A bucket as the store: a real S3 server with conditional writes, in this process."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import obstore
import pytest

from marquee.bundle import (
    Live,
    current,
    export,
    list_versions,
    load,
    open_store,
    promote,
    prune,
    publish,
    rollback,
    verify,
)
from marquee.bundle.bucket_store import CACHED, BucketStore
from marquee.bundle.lease import Lease
from marquee.bundle.store import Pointer
from marquee.bundle.versions import History
from marquee.errors import BundleError, ConfigError, StoreUnreachable
from tests.waiting import free_port

DOOMED = Path(__file__).with_name("doomed.py")


@pytest.fixture
def client(s3: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "AWS_ENDPOINT": s3,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return boto3.client("s3", endpoint_url=s3, region_name="us-east-1")


@pytest.fixture
def address(client: Any, tmp_path: Path) -> str:
    bucket = f"films-{abs(hash(tmp_path))}"
    client.create_bucket(Bucket=bucket)
    return f"s3://{bucket}/models"


@pytest.fixture
def open_bucket(address: str, tmp_path: Path) -> Callable[..., BucketStore]:
    """`open_bucket("name")` opens the bucket as another machine would: with a cache of its own."""
    return lambda name="one", **given: BucketStore(address, cache=tmp_path / name, **given)


def key(store: BucketStore, name: str) -> dict[str, str]:
    bucket, _, path = store.address.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": f"{path}/{name}"}


def test_it_does_what_a_folder_does(open_bucket: Any, make_contents: Any, tmp_path: Path) -> None:
    store = open_bucket()
    assert current(store) is None
    with pytest.raises(BundleError, match="no bundle in s3://"):
        load(store)
    first, second = (publish(store, make_contents(seed=seed)) for seed in (1, 2))
    other = open_bucket("two")
    assert load(other).version == second.version
    assert load(other, first.version).version == first.version
    assert verify(other).ok
    assert [(info.version, info.current, info.refused) for info in list_versions(other)] == [
        (second.version, True, False),
        (first.version, False, False),
    ]
    assert list_versions(other)[0].size == sum(file.stat().st_size for file in second.path.rglob("*") if file.is_file())
    assert rollback(other).version == first.version
    assert load(store).version == first.version
    assert [past.current for past in History(store).versions()] == [False, True]
    assert export(other, tmp_path / "layer") == first.version
    assert load(tmp_path / "layer").version == first.version
    third = publish(store, make_contents(seed=3))
    assert prune(store, keep=1) == [second.version]
    assert [info.version for info in list_versions(other)] == [third.version, first.version]
    with pytest.raises(BundleError, match=f"no version {second.version}"):
        load(open_bucket("three"), second.version)


def test_publishing_the_same_again_changes_nothing(open_bucket: Any, make_contents: Any) -> None:
    first = publish(open_bucket(), make_contents(seed=1))
    assert publish(open_bucket("two"), make_contents(seed=1)).version == first.version
    assert len(list_versions(open_bucket())) == 1


def test_of_two_publishers_with_one_pointer_only_one_wins(open_bucket: Any, make_contents: Any) -> None:
    first = publish(open_bucket(), make_contents(seed=1))
    slow, fast = open_bucket("slow"), open_bucket("fast")
    assert slow.pointer() == fast.pointer()  # both have read it; the slow one lost its lease meanwhile
    second = publish(fast, make_contents(seed=2))
    with pytest.raises(BundleError, match="another publisher moved s3://"):
        slow.point_to(Pointer(version=first.version, manifest_sha256=first.manifest.sha256()))
    assert current(open_bucket()).version == second.version  # type: ignore[union-attr]


def test_a_write_whose_answer_was_lost_is_no_conflict(open_bucket: Any, make_contents: Any) -> None:
    publish(open_bucket(), make_contents(seed=1))
    second = publish(open_bucket(), make_contents(seed=2), activate=False)
    store, pointer = open_bucket(), Pointer(version=second.version, manifest_sha256=second.manifest.sha256())
    store.pointer()
    tags = dict(store._tags)
    store.point_to(pointer)
    store._tags = tags  # as a client that sends the same write again
    store.point_to(pointer)
    assert store.pointer() == pointer


def test_a_live_publisher_is_waited_for_and_a_dead_one_replaced(open_bucket: Any, make_contents: Any) -> None:
    store = open_bucket(lease_seconds=0.3)
    publish(store, make_contents(seed=1))
    with (
        store.locked(),
        pytest.raises(BundleError, match=r"another publisher has held s3://.*/publish\.lease"),
    ):
        publish(open_bucket("two", lease_seconds=60.0), make_contents(seed=2), lock_timeout=0.0)
    dead = Lease(store._soon, store.address, 3600.0)  # renews in 20 minutes: as if it were dead
    dead.acquire(0.0)
    assert publish(store, make_contents(seed=3)).version == current(store).version  # type: ignore[union-attr]
    dead.release()  # it was taken over, so this must not free anything
    with store.locked(), pytest.raises(BundleError, match="another publisher"):
        publish(open_bucket("two", lease_seconds=60.0), make_contents(seed=4), lock_timeout=0.0)


def test_what_a_killed_publisher_left_is_removed_by_the_next(open_bucket: Any, make_contents: Any, client: Any) -> None:
    store = open_bucket()
    left = key(store, "versions/2020-01-01T00-00-00Z-00000000/catalog.json")
    client.put_object(**left, Body=b"{}")
    first = publish(store, make_contents(seed=1))
    assert store.version_names() == [first.version]
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(**left)


def test_a_damaged_pointer_hides_no_version_and_is_repaired(open_bucket: Any, make_contents: Any, client: Any) -> None:
    store = open_bucket()
    first = publish(store, make_contents(seed=1))
    staged = publish(store, make_contents(seed=2), channel="staging")
    client.put_object(**key(store, "CURRENT.json"), Body=b"{")
    with pytest.raises(BundleError, match=r"CURRENT\.json is not a pointer"):
        load(open_bucket("two"))
    assert [(info.version, info.channels) for info in list_versions(store)] == [
        (staged.version, ("staging",)),
        (first.version, ()),
    ]
    assert rollback(store, first.version).version == first.version
    assert load(open_bucket("two")).version == first.version


def test_a_version_that_does_not_read_back_is_not_left(
    open_bucket: Any, make_contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_bucket()
    first = publish(store, make_contents(seed=1))
    upload = BucketStore._upload

    def lose_a_file(self: BucketStore, version: str, folder: Path) -> None:
        read_back = self._read_back

        def after_a_loss(*given: Any) -> None:
            obstore.delete(self._bucket, f"versions/{version}/reranker.json")  # as a publisher that took over would
            read_back(*given)

        monkeypatch.setattr(self, "_read_back", after_a_loss)
        upload(self, version, folder)

    monkeypatch.setattr(BucketStore, "_upload", lose_a_file)
    with pytest.raises(BundleError, match=r"reranker\.json is missing"):
        publish(store, make_contents(seed=2))
    assert store.version_names() == [first.version]
    assert load(open_bucket("two")).version == first.version


def test_damage_is_found_and_a_repaired_file_is_downloaded_again(
    open_bucket: Any, make_contents: Any, client: Any
) -> None:
    first, second = (publish(open_bucket(), make_contents(seed=seed)) for seed in (1, 2))
    reader = open_bucket("reader")
    damaged = key(reader, f"versions/{second.version}/reranker.json")
    whole = client.get_object(**damaged)["Body"].read()
    client.put_object(**damaged, Body=b"x" * len(whole))
    with pytest.raises(BundleError, match=r"reranker\.json was altered"):
        load(reader)
    assert load(reader, fall_back=True).version == first.version
    assert [problem.message.split("/")[-1] for problem in verify(reader).problems] == [
        "reranker.json was altered: its sha256 is not the manifest's"
    ]
    client.put_object(**damaged, Body=whole[:-1])
    assert [info.refused for info in list_versions(reader)] == [True, False]
    client.delete_object(**damaged)
    with pytest.raises(BundleError, match=r"reranker\.json is missing"):
        load(reader)
    client.put_object(**damaged, Body=whole)
    assert load(reader).version == second.version


def test_while_the_bucket_is_gone_servers_go_on(
    open_bucket: Any, make_contents: Any, monkeypatch: pytest.MonkeyPatch, s3: str
) -> None:
    first = publish(open_bucket(), make_contents(seed=1))
    live = Live(open_bucket("server"))
    assert live.check() == "swapped"
    assert live.trouble is None
    monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    gone = open_bucket("server")  # of the same machine, started again
    again = Live(gone)
    assert again.check() == "swapped"
    assert again.get().version == first.version
    assert "can't be reached" in str(again.trouble)
    with pytest.raises(StoreUnreachable, match="can't be reached"):
        publish(gone, make_contents(seed=2))
    new = Live(open_bucket("elsewhere"))
    assert new.check() == "refused"
    with pytest.raises(BundleError, match="can't be reached"):
        new.get()
    assert History(gone).versions() == []
    gone._soon = open_bucket()._soon  # a client of the port where nobody listens
    live._store._soon, whole = gone._soon, live._store._soon  # type: ignore[attr-defined]
    assert live.check() == "unchanged"
    assert live.get().version == first.version
    assert live.trouble
    live._store._soon = whole  # type: ignore[attr-defined]
    monkeypatch.setenv("AWS_ENDPOINT", s3)
    second = publish(open_bucket(), make_contents(seed=2))
    assert live.check() == "swapped"
    assert (live.get().version, live.trouble) == (second.version, None)


def test_the_cache_is_bounded(open_bucket: Any, make_contents: Any, tmp_path: Path) -> None:
    live = Live(open_bucket("server"))
    for seed in range(6):
        publish(open_bucket(), make_contents(seed=seed))
        assert live.check() == "swapped"
    for machine in ("server", "one"):
        assert len(list(tmp_path.glob(f"{machine}/*/versions/*"))) <= CACHED
    assert load(open_bucket("server")).version == live.get().version


def test_mistakes_are_named(open_bucket: Any, address: str, make_contents: Any, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="the bucket of s3://nowhere does not exist"):
        publish(BucketStore("s3://nowhere", cache=tmp_path), make_contents(seed=1))
    for wrong in ("ftp://films", "s3:/films/x://"):
        with pytest.raises(ConfigError, match="is no kind of store"):
            load(wrong)
    (tmp_path / "file").write_text("")
    publish(open_bucket(), make_contents(seed=1))
    with pytest.raises(BundleError, match="MARQUEE_CACHE_DIR"):
        load(BucketStore(address, cache=tmp_path / "file"))


def test_commands_use_the_cache_of_the_environment(
    address: str, make_contents: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARQUEE_CACHE_DIR", str(tmp_path / "given"))
    published = publish(address, make_contents(seed=1))
    assert published.path.is_relative_to(tmp_path / "given")
    assert load(address).version == published.version


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_readers_load_complete_versions_while_one_of_two_publishers_is_killed(
    kind: str, address: str, tmp_path: Path, make_contents: Any
) -> None:
    place = address if kind == "bucket" else str(tmp_path / "store")
    publish(open_store(place, tmp_path / "first"), make_contents(seed=1))
    command = [sys.executable, str(DOOMED), "two", place, "3", "11", str(tmp_path / "caches")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    reader = BucketStore(place, cache=tmp_path / "reader") if kind == "bucket" else Path(place)
    seen = {load(reader).version}
    while process.poll() is None:
        seen.add(load(reader).version)
    output, _ = process.communicate()
    assert process.returncode == 0
    moves = [json.loads(line) for line in output.splitlines()]
    # Every move of the pointer starts from another version: no two publishers replaced the same one.
    assert len({move["previous"] for move in moves}) == len(moves) >= 3
    assert not any(info.refused for info in list_versions(reader))
    seen.add(load(reader).version)
    assert len(seen) >= 2
    assert promote(reader, moves[0]["version"]).version == load(reader).version


def test_a_document_changes_by_compare_and_swap(open_bucket: Any) -> None:
    one, other = open_bucket(), open_bucket("two")
    nothing, known = one.document("ADDED.json")
    assert nothing is None
    assert one.replace_document("ADDED.json", b"1", known)
    assert not other.replace_document("ADDED.json", b"2", None)
    assert one.replace_document("ADDED.json", b"1", known)  # sent again, since the answer was lost
    raw, known = other.document("ADDED.json")
    assert (raw, other.document("ADDED.json")[0]) == (b"1", b"1")
    assert other.replace_document("ADDED.json", b"3", known)
    assert one.document("ADDED.json")[0] == b"3"
    assert not other.replace_document("ADDED.json", b"4", known)
