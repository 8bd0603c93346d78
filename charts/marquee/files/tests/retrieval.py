"""helm test: the retrieval server itself answers in KServe's protocols V1 and V2 and on /invocations, alike."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

API, RETRIEVAL = os.environ["API_URL"], os.environ["RETRIEVAL_URL"]
K = 20


def post(url, body, tries=60):
    """The answer; waits up to two minutes for a server that is still starting."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    problem = ""
    for _ in range(tries):
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = f"{error.code} {error.read().decode()[:500]}"
            if error.code < 500:
                break
        except OSError as error:
            problem = str(error)
        print(f"waiting for {url}: {problem}", flush=True)
        time.sleep(2)
    return sys.exit(f"FAILED {url}: {problem}")


popular = post(API + "/v1/recommendations", {"movie_ids": [2147483647], "top_n": 5})["recommendations"]
seeds = [film["movie_id"] for film in popular[:3]]
plain = {"instances": [{"movie_ids": seeds, "k": K}]}
tensors = {
    "inputs": [
        {"name": "movie_ids", "datatype": "INT64", "shape": [1, len(seeds)], "data": seeds},
        {"name": "k", "datatype": "INT64", "shape": [1], "data": [K]},
    ]
}

v1 = post(RETRIEVAL + "/v1/models/two_tower:predict", plain)["predictions"][0]["movie_ids"]
sagemaker = post(RETRIEVAL + "/invocations", plain)["predictions"][0]["movie_ids"]
outputs = {tensor["name"]: tensor for tensor in post(RETRIEVAL + "/v2/models/two_tower/infer", tensors)["outputs"]}
v2 = outputs["movie_ids"]["data"]

if len(v1) != K or len(set(v1)) != K:
    sys.exit(f"FAILED: not {K} different films: {v1}")
if not v1 == sagemaker == v2:
    sys.exit(f"FAILED: the protocols disagree:\n  v1 {v1}\n  v2 {v2}\n  /invocations {sagemaker}")
print(f"ok: {K} candidates for the films {seeds}, the same by V1, V2 and /invocations")
