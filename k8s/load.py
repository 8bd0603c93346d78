"""Sends recommendation requests at a steady rate and reports: load.py URL RATE SECONDS [RETRIES]. Standard library.

Open loop: the arrival rate does not depend on response times. Each request uses a connection of its own, as separate
clients would, so that new pods get their share. A request whose connection isn't made within a second, or is lost, is
sent again up to RETRIES times (none by default), as an ingress does: a Service goes on naming the pods of a node that
has failed until Kubernetes notices it, about 50 s later. Output is JSON lines: one every 5 s, then a summary. Exit code
1: a request failed; 2: the generator could not hold the rate, so the figures are void.
"""

import contextlib
import http.client
import json
import random
import sys
import time
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

WORKERS = 64
REPORT_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 1.0


def post(host: str, port: int, body: bytes) -> tuple[int, bytes]:
    """Ask for recommendations; the answer's status and body."""
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)) as connection:
        connection.connect()
        connection.sock.settimeout(TIMEOUT_SECONDS)
        connection.request("POST", "/v1/recommendations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()


class Result(NamedTuple):
    """One request: its rung or kind of failure, the model's version, duration in seconds, and how often it was sent."""

    outcome: str
    version: str
    seconds: float
    attempts: int


def request(host: str, port: int, body: bytes, retries: int) -> Result:
    """Send one request, again if its connection fails."""
    started, outcome, version, attempts = time.perf_counter(), "", "", 0
    for attempts in range(1, retries + 2):  # noqa: B007 - the last one is returned
        try:
            status, content = post(host, port, body)
        except Exception as error:
            outcome = f"failed: {type(error).__name__}"
            continue
        answer = json.loads(content) if status == 200 else {}
        outcome, version = answer.get("served_by", f"failed: status {status}"), answer.get("model_version", "")
        break
    return Result(outcome, version, time.perf_counter() - started, attempts)


def some_bodies(host: str, port: int) -> list[bytes]:
    """Request bodies with one to ten films of the server's catalogue."""
    _, content = post(host, port, json.dumps({"movie_ids": [2147483647], "top_n": 100}).encode())
    films = [film["movie_id"] for film in json.loads(content)["recommendations"]]
    chance = random.Random(1)  # noqa: S311 - no secrets here
    sizes = [min(chance.randint(1, 10), len(films)) for _ in range(500)]
    return [json.dumps({"movie_ids": chance.sample(films, size), "top_n": 10}).encode() for size in sizes]


def summary(results: list[Result], seconds: float) -> dict[str, object]:
    """Counts by outcome, and latency percentiles in milliseconds of answered requests."""
    took = sorted(1e3 * one.seconds for one in results if not one.outcome.startswith("failed"))
    at = {f"p{share}": round(took[min(len(took) - 1, len(took) * share // 100)], 1) for share in (50, 95, 99) if took}
    counts = Counter(one.outcome for one in results)
    failed = sum(count for outcome, count in counts.items() if outcome.startswith("failed"))
    return {"requests": len(results), "rate": round(len(results) / seconds, 1), "failed": failed, "ms": at} | {
        "outcomes": dict(counts),
        "versions": dict(Counter(one.version for one in results if one.version)),
        "sent_again": sum(one.attempts - 1 for one in results),
    }


def run(url: str, rate: float, seconds: float, retries: int = 0) -> int:
    """Send the load, print reports, return the exit code."""
    parts = urllib.parse.urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    bodies = some_bodies(host, port)
    pool = ThreadPoolExecutor(WORKERS)
    results: list[Result] = []
    started = time.monotonic()
    reported, report_at, total = 0, REPORT_SECONDS, round(rate * seconds)
    for number in range(total):
        wait = started + number / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        sent = pool.submit(request, host, port, bodies[number % len(bodies)], retries)
        sent.add_done_callback(lambda done: results.append(done.result()))
        if time.monotonic() - started >= report_at:
            new, reported = results[reported:], len(results)
            print(json.dumps({"t": round(report_at), **summary(new, REPORT_SECONDS)}), flush=True)
            report_at += REPORT_SECONDS
    pool.shutdown()
    whole = summary(list(results), time.monotonic() - started)
    print(json.dumps({"summary": whole}), flush=True)
    if float(str(whole["rate"])) < 0.95 * rate:
        print(f"the rate of {rate} requests/s was not reached: generator or service is saturated", file=sys.stderr)
        return 1 if whole["failed"] else 2
    return 1 if whole["failed"] else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int((sys.argv[4:] or ["0"])[0])))
