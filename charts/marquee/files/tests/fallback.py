"""helm test: without retrieval the answer is degraded, never an error.

Starts a re-ranker of its own in this pod, on the same volume, whose retrieval is a closed port. The release itself is
left in peace.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request

PORT = int(os.environ.get("PORT", "18080"))
ENVIRONMENT = {
    **os.environ,
    "MARQUEE_ARTIFACTS_DIR": os.environ.get("STORE", "/artifacts"),
    "MARQUEE_HOST": "127.0.0.1",
    "MARQUEE_PORT": str(PORT),
    "MARQUEE_METRICS_PORT": "0",
    "MARQUEE_RETRIEVAL_URL": "http://127.0.0.1:9",
}


def recommend(ids):
    """What the re-ranker in this pod recommends."""
    body = json.dumps({"movie_ids": ids, "top_n": 10}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/v1/recommendations", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return json.load(answer)


def ready():
    """Whether it has loaded the model."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


server = subprocess.Popen(["marquee", "serve"], env=ENVIRONMENT)  # noqa: S607 - the image's own
try:
    deadline = time.monotonic() + 90
    while not ready():
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit("FAILED: a re-ranker without retrieval doesn't get ready")
        time.sleep(0.5)
    seeds = [film["movie_id"] for film in recommend([2147483647])["recommendations"][:3]]
    for _ in range(20):
        answer = recommend(seeds)
        if answer["served_by"] != "item_cf" or not answer["degraded"] or len(answer["recommendations"]) != 10:
            sys.exit(f"FAILED: expected ten films of item_cf, and the reason: {answer}")
    print(f"ok: without retrieval served by {answer['served_by']}, because of {answer['degraded']}")
finally:
    server.terminate()
    server.wait(timeout=30)
