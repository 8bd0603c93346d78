"""The load generator: vegeta, an open loop with constant arrival rate and keep-alive, and what it saw."""

import base64
import csv
import json
import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marquee.errors import ConfigError

VEGETA = "github.com/tsenart/vegeta/v12@latest"
SEEDS, TOP_N = 5, 10
TIMEOUT_SECONDS = 5
P99_MS = 7.0
EMPTY = "no targets to attack"  # vegeta's row when the targets are used up, no request

Floats = NDArray[np.float64]


def vegeta() -> str:
    """The program: the one on PATH, or built by Go into the user's cache."""
    if found := shutil.which("vegeta"):
        return found
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "marquee" / "vegeta"
    program = folder / "vegeta"
    if program.exists():
        return str(program)
    if not shutil.which("go"):
        raise ConfigError("neither vegeta nor Go is installed", fix="install Go (https://go.dev/dl), or vegeta on PATH")
    environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
    done = subprocess.run(["go", "install", VEGETA], check=False, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ConfigError(f"vegeta was not built: {done.stderr.strip()[-500:]}", fix=f"go install {VEGETA}")
    return str(program)


def targets(url: str, ids: Sequence[int], n: int, seed: int) -> str:
    """n different requests for recommendations, as vegeta's JSON lines."""
    chance = random.Random(seed)  # noqa: S311 - no secrets here
    address, headers = (
        f"{url}/v1/recommendations",
        {"Content-Type": ["application/json"], "Accept-Encoding": ["identity"]},
    )
    lines = []
    for _ in range(n):
        body = json.dumps({"movie_ids": chance.sample(ids, SEEDS), "top_n": TOP_N}).encode()
        target = {"method": "POST", "url": address, "body": base64.b64encode(body).decode(), "header": headers}
        lines.append(json.dumps(target))
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Answers:
    """Every request of an attack, in the order of sending.

    Attributes:
        number: (n,) which request of the attack.
        sent: (n,) seconds since the first.
        ms: (n,) from sending to the answer's last byte.
        status: (n,) HTTP status, 0 = no answer.
        retry_after: (n,) whether the answer names a time to come again.
        bytes: (n,) length of the answer's body.
        failures: What went wrong where the status is 0, counted.
    """

    number: NDArray[np.int64]
    sent: Floats
    ms: Floats
    status: NDArray[np.int64]
    retry_after: NDArray[np.bool_]
    bytes: NDArray[np.int64]
    failures: Counter[str]


def parse(lines: Iterable[str]) -> Answers:
    """Read the rows of `vegeta encode -to csv`."""
    rows, failures = [], Counter[str]()
    for row in csv.reader(lines):
        started, status, latency, error, number, headers = (row[i] for i in (0, 1, 2, 5, 8, 11))
        if error == EMPTY:
            continue
        found = base64.b64decode(headers).decode("latin-1").lower().splitlines()
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in found)}
        if status == "0":
            failures[error.rpartition(": ")[2]] += 1
        length = int(fields.get("content-length", 0))
        rows.append((int(number), int(started), int(latency), int(status), "retry-after" in fields, length))
    if not rows:
        raise ConfigError("the generator sent no request", fix="look at its messages above")
    number, started, latency, status, retry_after, length = map(np.array, zip(*sorted(rows), strict=True))
    return Answers(number, (started - started.min()) / 1e9, latency / 1e6, status, retry_after, length, failures)


@dataclass(frozen=True)
class Step:
    """What one rate did. Percentiles are in ms and of answers with status 200, if not said otherwise.

    Attributes:
        goodput: Answers with status 200 a second, while requests were sent.
        late_p99: How late the generator sent: its part in a bad figure, which is not in the others.
        refused_p99: Of answers with status 503.
        retry_after: Share of those that have the header Retry-After.
        errors: Number of the others by status, or by what went wrong.
        answer_bytes: Mean length of a body.
        cores: Cores in use, by process: (server and name, cores).
        generator_cores: Those of the generator.
        pss, peak_rss: Memory in MiB, in the same order.
        restarted: Processes that ended.
        fallbacks: Number of answers by a lower rung, because retrieval failed or took too long.
        other_cores: What everything else on the machine used: well above 0, the figures are worth little.
    """

    rate: int
    goodput: float
    p50: float
    p90: float
    p99: float
    p999: float
    late_p99: float
    refused_p99: float
    retry_after: float
    errors: dict[str, int]
    answer_bytes: float
    generator_cores: float = 0.0
    cores: tuple[tuple[str, float], ...] = ()
    pss: tuple[float, ...] = ()
    peak_rss: tuple[float, ...] = ()
    restarted: int = 0
    fallbacks: int = 0
    other_cores: float = 0.0

    @property
    def server_cores(self) -> float:
        """All processes of the servers together."""
        return sum(used for _, used in self.cores)

    @property
    def passes(self) -> bool:
        """No errors, no fallbacks, and p99 within the bound."""
        return not self.errors and not self.fallbacks and self.p99 <= P99_MS

    @property
    def saturated(self) -> bool:
        """A tenth of the requests or more got no good answer in time."""
        return self.goodput < 0.9 * self.rate


def judge(answers: Answers, rate: int, seconds: float) -> Step:
    """Figures of an attack at a constant rate."""
    good, refused = answers.status == 200, answers.status == 503
    in_time = good & (answers.sent + answers.ms / 1e3 <= seconds)
    late = answers.sent - answers.number / rate
    others = Counter(str(status) for status in answers.status[~good].tolist() if status)
    p50, p90, p99, p999 = _percentiles(answers.ms[good], 50, 90, 99, 99.9)
    return Step(
        rate=rate,
        goodput=float(in_time.sum() / seconds),
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        late_p99=_percentiles((late - late.min()) * 1e3, 99)[0],
        refused_p99=_percentiles(answers.ms[refused], 99)[0],
        retry_after=float(answers.retry_after[refused].mean()) if refused.any() else 0.0,
        errors=dict(others + answers.failures),
        answer_bytes=float(answers.bytes[good].mean()) if good.any() else 0.0,
    )


def _percentiles(values: Floats, *shares: float) -> list[float]:
    """0 where there are no values, so that the figures stay numbers in JSON."""
    return [float(value) for value in np.percentile(values, shares)] if len(values) else [0.0] * len(shares)


class Generator:
    """vegeta with the requests for one server, on some of the processors."""

    def __init__(self, url: str, ids: Sequence[int], folder: Path, cpus: Iterable[int]) -> None:
        self.url, self.ids, self.folder = url, ids, folder
        self.command = ["taskset", "-c", ",".join(map(str, cpus)), vegeta()]
        self.attacks, self.seen = 0, folder / "answers"

    def attack(self, rate: int, seconds: float) -> float:
        """Send at a constant rate and wait for the answers, which `answers` reads; returns the cores that it used."""
        return self._run(f"-rate={rate}/1s", f"-duration={seconds}s", n=int(rate * seconds) + 1)

    def closed(self, n: int, workers: int = 8) -> None:
        """Send n requests as fast as they are answered, by some workers at a time."""
        self._run("-rate=0", f"-max-workers={workers}", f"-workers={workers}", n=n)

    def answers(self) -> Answers:
        """Those of the last attack."""
        encode = [*self.command, "encode", "-to", "csv", str(self.seen)]
        with subprocess.Popen(encode, stdout=subprocess.PIPE, text=True) as encoding:
            assert encoding.stdout is not None
            return parse(encoding.stdout)

    def _run(self, *options: str, n: int) -> float:
        self.attacks += 1
        sent = self.folder / "targets.json"
        sent.write_text(targets(self.url, self.ids, n, seed=self.attacks))
        fixed = ["-format=json", "-lazy", f"-targets={sent}", f"-timeout={TIMEOUT_SECONDS}s", "-max-body=0"]
        started = os.times().elapsed
        process = subprocess.Popen([*self.command, "attack", *fixed, *options, f"-output={self.seen}"])
        _, code, used = os.wait4(process.pid, 0)
        took = os.times().elapsed - started
        process.returncode = os.waitstatus_to_exitcode(code)
        if process.returncode:
            raise ConfigError(f"vegeta ended with {process.returncode}", fix="look at its messages above")
        return (used.ru_utime + used.ru_stime) / took
