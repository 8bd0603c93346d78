"""`marquee serve` with several processes on one port."""

import os
import signal
from pathlib import Path

import httpx2

from tests.waiting import free_port

ASKED = {"tmdb_ids": [1001, 1004]}


def workers_of(served):
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


def ended(pid):
    """Whether a process is gone, or waits for a parent that nobody is."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def ready(url):
    """Whether a new connection finds a process with a bundle."""
    try:
        return httpx2.get(f"{url}/readyz", timeout=60).status_code == 200
    except httpx2.TransportError:
        return False


def test_processes_answer_alike_are_counted_each_and_started_again(serve, until):
    port = free_port()
    served = serve(workers=2, metrics_port=port)

    def metrics():
        return httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text

    until(lambda: metrics().count("marquee_bundle_info{") == 2)
    answers = {}
    while len(answers) < 2:  # a new connection goes to whichever process takes it
        answer = httpx2.post(f"{served.url}/recommend", json=ASKED, headers={"X-Request-ID": "x"}, timeout=60)
        assert answer.status_code == 200
        text = metrics()
        answers |= {worker: answer.content for worker in "01" if f'le="+Inf",worker="{worker}"}} 0.0' not in _of(text)}
    assert len(set(answers.values())) == 1
    assert text.count("# TYPE marquee_requests_total counter") == 1
    assert text.count("process_resident_memory_bytes{") == 2

    first, second = workers_of(served)
    os.kill(first, signal.SIGKILL)
    until(lambda: len(workers_of(served)) == 2 and first not in workers_of(served))
    assert second in workers_of(served)
    until(lambda: metrics().count("marquee_bundle_info{") == 2)
    assert any("started again" in line["event"] for line in served.lines())
    assert served.terminate() == 0
    assert all(map(ended, (first, second)))


def _of(text):
    return "\n".join(line for line in text.splitlines() if line.startswith("marquee_candidates_bucket"))


def test_processes_end_with_the_first_one(serve, until):
    served = serve(workers=2)
    until(lambda: ready(served.url))
    pids = workers_of(served)
    served.kill()
    until(lambda: all(map(ended, pids)))
