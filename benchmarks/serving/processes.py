"""Processor time and memory of a server: the process that was started, and all its children, from /proc."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024.0


@dataclass(frozen=True)
class Process:
    """One process: seconds of processor time so far, memory now (PSS) and at its peak (RSS), in MiB."""

    pid: int
    name: str
    cpu: float
    pss: float
    peak: float


def family(pid: int) -> list[Process]:
    """A process and its descendants, by process id; those that end meanwhile are left out."""
    parents = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(_stat(int(folder.name))[1])
        except OSError:
            continue
    found = [pid]
    for one in found:  # grows as it goes
        found += [child for child, parent in parents.items() if parent == one]
    return [process for one in sorted(found) if (process := read(one))]


def read(pid: int) -> Process | None:
    """None if it has ended."""
    try:
        fields = _stat(pid)
        pss = _kilobytes(PROC / str(pid) / "smaps_rollup", "Pss:")
        peak = _kilobytes(PROC / str(pid) / "status", "VmHWM:")
        name = (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return None
    return Process(pid, name, (int(fields[11]) + int(fields[12])) / TICKS, pss / MIB, peak / MIB)


def cores(before: Iterable[Process], after: Iterable[Process], seconds: float) -> dict[int, float]:
    """Cores in use between two readings, by process id."""
    earlier = {process.pid: process.cpu for process in before}
    return {process.pid: (process.cpu - earlier.get(process.pid, 0.0)) / seconds for process in after}


def busy() -> float:
    """Seconds of processor time that the whole machine has used so far: user, nice, system, interrupts."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, (PROC / "stat").read_text().split()[1:11])
    return (user + nice + system + irq + softirq) / TICKS


def _stat(pid: int) -> list[str]:
    """The fields of stat from the state on; the name before it may hold spaces."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _kilobytes(path: Path, key: str) -> int:
    lines = path.read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)
