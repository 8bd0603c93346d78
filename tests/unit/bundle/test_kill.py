"""Publishers that are killed, and the order of what they do: a reader always gets a complete version."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from marquee.bundle import Bundle, list_versions, load, publish

DOOMED = Path(__file__).with_name("doomed.py")


def run(*args: object) -> subprocess.Popen[str]:
    # One thread for linear algebra: a process that forks should have no others.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(DOOMED), *map(str, args)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_readers_load_a_complete_version_while_30_publishers_are_killed(store: Path, first: Bundle) -> None:
    process = run("random", store, 30, 11)
    versions, loads = set(), 0
    while process.poll() is None:
        versions.add(load(store).version)
        loads += 1
        time.sleep(0.005)
    output, _ = process.communicate()
    assert (process.returncode, output) == (0, "30\n")
    infos = list_versions(store)
    assert not any(info.refused for info in infos)
    assert len(infos) >= 5  # some finished before they were killed
    assert loads >= 10
    assert len(versions) >= 2  # the pointer moved under our eyes


def test_dying_at_every_step_leaves_the_old_or_the_new_version(store: Path, first: Bundle) -> None:
    process = run("point", store)
    output, _ = process.communicate()
    assert process.returncode == 0
    lines = [line.split() for line in output.splitlines()]
    for when in ("before", "after"):
        steps = [line for line in lines if line[0] == when]
        live = [line[3] == "True" for line in steps]
        assert len(steps) >= 15  # 7 files, folders, two renames, the pointer
        assert [line[2] for line in steps] == ["killed"] * (len(steps) - 1) + ["done"]
        assert live == sorted(live)  # up to one step the old version is live, from there on the new one
        assert not live[0]
        assert live[-1]
        assert live.count(True) <= 3  # only the very end is after the swap


def test_everything_is_on_the_disk_before_it_is_named(
    store: Path, first: Bundle, make_contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, str]] = []

    def note(name: str, path: str) -> None:
        calls.append((name, Path(path).name if ".tmp-" not in Path(path).name else "temporary"))

    fsync, rename, replace = os.fsync, os.rename, os.replace

    def noted_fsync(descriptor: int) -> None:
        note("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def noted_rename(source: Any, target: Any) -> None:
        note("rename", str(target))
        rename(source, target)

    def noted_replace(source: Any, target: Any) -> None:
        note("replace", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    monkeypatch.setattr(os, "replace", noted_replace)
    version = publish(store, make_contents(seed=2)).manifest.version
    data, rest = calls[:6], calls[6:]
    assert {name for _, name in data} == {
        "two_tower.safetensors",
        "item_cf.safetensors",
        "catalog.safetensors",
        "catalog.json",
        "reranker.json",
        "report.json",
    }
    assert rest == [
        ("fsync", "manifest.json"),
        ("fsync", "eval"),
        ("fsync", "temporary"),
        ("rename", version),
        ("fsync", "versions"),
        ("fsync", "temporary"),
        ("replace", "CURRENT.json"),
        ("fsync", store.name),
    ]
