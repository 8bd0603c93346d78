"""helm test: the page, the probes and a recommendation that the Two-Tower served, through the Service."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

API = os.environ["API_URL"]


def call(path, body=None, *, tries=20):
    """The answer of the API; waits for it a little, as the network of a new pod can take a moment."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, {"Content-Type": "application/json"})  # noqa: S310
    for attempt in range(tries):
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            sys.exit(f"FAILED {path}: {error.code} {error.read().decode()[:500]}")
        except OSError as error:
            if attempt == tries - 1:
                sys.exit(f"FAILED {path}: {error}")
            time.sleep(1)
    return ""


def recommend(**body):
    """What the API recommends."""
    return json.loads(call("/v1/recommendations", body))


call("/livez")
call("/readyz")
if "<html" not in call("/").lower():
    sys.exit("FAILED: / is not a page")

unknown = recommend(movie_ids=[2147483647], top_n=10)
if unknown["served_by"] != "popularity" or not unknown["recommendations"]:
    sys.exit(f"FAILED: a person without a known film should get what is popular, not {unknown}")

seeds = [film["movie_id"] for film in unknown["recommendations"][:3]]
for _ in range(30):
    answer = recommend(movie_ids=seeds, top_n=10)
    if answer["served_by"] == "two_tower":
        break
    # The retrieval pod may still be starting: that is a rung down, never an error.
    print("not from the Two-Tower yet:", answer["served_by"], answer["degraded"], flush=True)
    time.sleep(2)
else:
    sys.exit(f"FAILED: served by {answer['served_by']}, because of {answer['degraded']}")

films = answer["recommendations"]
scores = [film["affinity_score"] for film in films]
if len(films) != 10 or not all(0 <= score <= 1 for score in scores):
    sys.exit(f"FAILED: not ten films with scores between 0 and 1: {films}")
if {film["movie_id"] for film in films} & set(seeds):
    sys.exit("FAILED: a film that was given came back")
for film in films[:5]:
    print(f"  {film['affinity_score']:.2f}  {film['title']}")
print("ok: served by", answer["served_by"], "of", answer["model_version"])
