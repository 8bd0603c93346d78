"""Sends recommendation requests at a steady rate and reports: load.py URL RATE SECONDS. Standard library only.

Open loop: the arrival rate does not depend on response times. Each request uses a connection of its own, as separate
clients would, so that new pods get their share. Output is JSON lines: one every 5 s, then a summary. Exit code 1: a
request failed; 2: the generator could not hold the rate, so the figures are void.
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

WORKERS = 64
REPORT_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0


def post(host: str, port: int, body: bytes) -> tuple[int, bytes]:
    """Ask for recommendations; the answer's status and body."""
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request("POST", "/v1/recommendations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def request(host: str, port: int, body: bytes) -> tuple[str, float]:
    """Send one request; return its outcome (rung, status, or kind of failure) and its duration in seconds."""
    started = time.perf_counter()
    try:
        status, content = post(host, port, body)
        outcome = json.loads(content)["served_by"] if status == 200 else f"failed: status {status}"
    except Exception as error:
        outcome = f"failed: {type(error).__name__}"
    return outcome, time.perf_counter() - started


def some_bodies(host: str, port: int) -> list[bytes]:
    """Request bodies with one to ten films of the server's catalogue."""
    _, content = post(host, port, json.dumps({"movie_ids": [2147483647], "top_n": 100}).encode())
    films = [film["movie_id"] for film in json.loads(content)["recommendations"]]
    chance = random.Random(1)  # noqa: S311 - no secrets here
    sizes = [min(chance.randint(1, 10), len(films)) for _ in range(500)]
    return [json.dumps({"movie_ids": chance.sample(films, size), "top_n": 10}).encode() for size in sizes]


def summary(results: list[tuple[str, float]], seconds: float) -> dict[str, object]:
    """Counts by outcome, and latency percentiles in milliseconds of answered requests."""
    took = sorted(1e3 * spent for outcome, spent in results if not outcome.startswith("failed"))
    at = {f"p{share}": round(took[min(len(took) - 1, len(took) * share // 100)], 1) for share in (50, 95, 99) if took}
    counts = Counter(outcome for outcome, _ in results)
    failed = sum(count for outcome, count in counts.items() if outcome.startswith("failed"))
    return {"requests": len(results), "rate": round(len(results) / seconds, 1), "failed": failed, "ms": at} | {
        "outcomes": dict(counts)
    }


def run(url: str, rate: float, seconds: float) -> int:
    """Send the load, print reports, return the exit code."""
    parts = urllib.parse.urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    bodies = some_bodies(host, port)
    pool = ThreadPoolExecutor(WORKERS)
    results: list[tuple[str, float]] = []
    started = time.monotonic()
    reported, report_at, total = 0, REPORT_SECONDS, round(rate * seconds)
    for number in range(total):
        wait = started + number / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        sent = pool.submit(request, host, port, bodies[number % len(bodies)])
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
    sys.exit(run(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
