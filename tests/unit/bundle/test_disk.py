"""Disks that refuse: what publishers say, what they do without, and that nothing is lost."""

import errno
import fcntl
import io
import os
from contextlib import contextmanager

import pytest

from marquee.bundle import disk, load, open_store, promote, prune, publish, rollback
from marquee.errors import StoreBusy, StoreUnreachable, StoreUnusable

CALLS = {"flock": fcntl, "fsync": os, "rename": os, "replace": os, "mkdir": os, "open": os, "unlink": os, "rmdir": os}
PASSING = ["EIO", "ESTALE", "ETIMEDOUT", "EBUSY", "ENOMEM"]
LASTING = ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM"]
LACKING = ["ENOLCK", "ENOSYS", "EINVAL", "ENOTSUP"]
# Publishing goes without these.
SPARED = {("flock", name) for name in LACKING} | {("fsync", name) for name in LACKING}


@pytest.fixture
def failing(monkeypatch):
    """`with failing("fsync", "EIO")`: the call fails."""

    @contextmanager
    def fail(call, name):
        def refuse(*arguments, **options):
            if call != "open" or arguments[1] & os.O_CREAT:
                raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))
            return real(*arguments, **options)

        real = getattr(CALLS[call], call)
        disk.warn_once.cache_clear()
        with monkeypatch.context() as patched:
            patched.setattr(CALLS[call], call, refuse)
            yield

    return fail


@pytest.mark.parametrize("name", [*PASSING, *LASTING, *LACKING])
@pytest.mark.parametrize("call", CALLS)
def test_a_check_says_before_the_work_what_fails_and_the_fix(call, name, store, first, failing):
    place = open_store(store)
    with failing(call, name):
        if (call, name) in SPARED:
            place.check()
            return
        with pytest.raises(StoreUnreachable) as caught:
            place.check()
    assert f"({name}" in caught.value.message.replace("EOPNOTSUPP", "ENOTSUP")
    assert caught.value.message.startswith("can't ")
    assert caught.value.fix
    assert isinstance(caught.value, StoreUnusable) == (name not in PASSING)
    assert caught.value.exit_code == (1 if name in PASSING else 6)
    place.check()


def test_a_check_leaves_nothing_behind(store, first):
    open_store(store).check()
    before = set(store.rglob("*"))
    open_store(store).check()
    assert set(store.rglob("*")) == before
    assert not [path for path in before if ".tmp-" in path.name]
    with open_store(store).locked():
        open_store(store).check()  # another publisher has proved it


@pytest.mark.parametrize("call", ["flock", "fsync", "rename", "replace"])
@pytest.mark.parametrize("name", ["ENOSPC", "EROFS", "EIO", "ENOSYS", "EDQUOT"])
def test_publishers_fail_in_words_and_readers_notice_nothing(call, name, store, first, make_contents, failing):
    second = publish(store, make_contents(seed=5), force=True)
    work = {
        "publish": lambda: publish(store, make_contents(seed=6), force=True),
        "roll back": lambda: rollback(store),
        "promote": lambda: promote(store, second.version, to="staging"),
        "prune": lambda: prune(store, 1),
    }
    for what, command in work.items():
        if (call, name) in SPARED or (what, call) in {("prune", "fsync"), ("prune", "replace"), ("prune", "rename")}:
            continue
        if what in {"roll back", "promote"} and call == "rename":
            continue  # pointers are replaced
        with failing(call, name), pytest.raises(StoreUnreachable):
            command()
        assert load(store).version == second.version
        publish(store, make_contents(seed=5))  # the same again: the lock is free


@pytest.mark.parametrize(("call", "said"), [("flock", "no locks"), ("fsync", "can't sync")])
def test_what_the_file_system_lacks_is_said_once_and_done_without(
    call, said, store, first, make_contents, failing, caplog
):
    (store / "versions" / ".tmp-of-another").mkdir()
    with failing(call, "ENOLCK" if call == "flock" else "EINVAL"):
        published = publish(store, make_contents(seed=6), force=True)
    assert load(store).version == published.version
    assert [record.message for record in caplog.records if said in record.message]
    assert len([record for record in caplog.records if said in record.message]) == 1
    # Without a lock, another publisher may be at work.
    assert (store / "versions" / ".tmp-of-another").exists() == (call == "flock")


@pytest.mark.parametrize("name", ["EIO", "ESTALE", "EACCES"])
def test_what_cannot_be_read_is_neither_replaced_nor_deleted(name, store, first, make_contents, monkeypatch):
    """An unreadable version says nothing of its worth: the gate must not be skipped, and pruning must not take it."""
    second = publish(store, make_contents(seed=5), force=True)
    real = io.open

    def refuse(file, *arguments, **options):
        if str(file).endswith("two_tower.safetensors") and not {"x", "w"} & set(str(arguments)):
            raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)), str(file))
        return real(file, *arguments, **options)

    monkeypatch.setattr(io, "open", refuse)
    for command in (lambda: publish(store, make_contents(seed=6)), lambda: prune(store, 1), lambda: load(store)):
        with pytest.raises(StoreUnreachable, match=name):
            command()
    monkeypatch.undo()
    assert load(store).version == second.version
    assert len(list((store / "versions").iterdir())) == 2


@pytest.mark.parametrize("name", ["EIO", "ESTALE", "EACCES"])
def test_a_pointer_that_cannot_be_read_is_not_taken_for_damaged(name, store, first, make_contents, monkeypatch):
    real = io.open

    def refuse(file, *arguments, **options):
        if str(file).endswith("CURRENT.json"):
            raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)), str(file))
        return real(file, *arguments, **options)

    monkeypatch.setattr(io, "open", refuse)
    with pytest.raises(StoreUnreachable, match=name):
        publish(store, make_contents(seed=6), force=True)
    monkeypatch.undo()
    assert load(store).version == first.version


def test_a_store_that_is_a_file(tmp_path, make_contents):
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreUnreachable, match="store"):
        publish(tmp_path / "store", make_contents(), force=True)


def test_a_busy_store_may_pass_by_itself(store, first, make_contents):
    with open_store(store).locked(), pytest.raises(StoreBusy) as caught:
        publish(store, make_contents(seed=6), lock_timeout=0)
    assert caught.value.exit_code == 1
