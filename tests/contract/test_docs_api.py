"""Every curl line of docs/api.md runs as it is against a real server, and every example of the OpenAPI document too."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from marquee.bundle import publish
from tests.programs import skip_without

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
CURLS = [
    line.strip() for line in re.findall(r"^    (curl .*)$", PAGE.replace("\\\n", " "), re.MULTILINE)
]  # fmt: skip
ADDRESS = "http://127.0.0.1:8080"
# What an answer has to have, by the end of its path.
SHAPES = {
    "recommendations": {"recommendations", "served_by", "degraded", "unknown_ids", "model_version", "request_id"},
    "recommend": {"recommendations", "served_by", "degraded", "unknown_ids", "model_version", "request_id"},
    "movies": {"movies", "model_version"},
    "resolve": {"films", "doubts", "unknown", "model_version"},
    "sample": {"movies", "model_version"},
    "similar": {"movies", "model_version"},
    "1": {"movie_id", "title", "likes", "popularity_rank", "n_films", "model_version"},
    "understand": {"request", "parts", "not_understood", "model_version"},
    "model": {"version", "how_judged", "accuracy"},
    "operations": {"model_version", "latency_ms", "served_by", "versions"},
    "explain": {"seeds", "films", "served_by", "model_version"},
}


# What there is none of here: a picture of a sweep, and a key for posters.
OFF = {"/v1/items", "/v1/operations/sweep.png", "/v1/posters/{movie_id}"}


@pytest.fixture(scope="module")
def reranker(start, tmp_path_factory, make_contents):
    """With films of ids that the page speaks of."""
    store = tmp_path_factory.mktemp("documented") / "store"
    publish(store, make_contents(n_movies=200), force=True)
    return start(store)


def test_there_is_a_line_for_each_feature():
    paths = {re.search(r"8080(/[\w/]*)", line)[1].rsplit("/", 1)[-1] for line in CURLS}
    assert paths >= SHAPES.keys() - {"explain"}


@pytest.mark.parametrize("line", CURLS)
def test_a_documented_curl_line_runs(reranker, line, tmp_path):
    if shutil.which("curl") is None:
        skip_without("curl")
    words = shlex.split(line.replace(ADDRESS, reranker.url))
    done = subprocess.run(
        [*words, "-sS", "-w", "\n%{http_code}"], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    body, _, status = done.stdout.rpartition("\n")
    path = re.search(r"8080(/[\w/]*)", line)[1]
    if path.startswith("/v1/posters"):  # there is no key here
        assert status == "404"
        return
    assert status == "200", body
    assert SHAPES[path.rsplit("/", 1)[-1]] <= json.loads(body).keys()


def requests_of_the_document():
    document = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
    for path, methods in document["paths"].items():
        if body := methods.get("post", {}).get("requestBody"):
            reference = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
            for example in document["components"]["schemas"][reference]["examples"]:
                yield "POST", path, {}, example
        if "get" in methods and path not in OFF:
            examples = {
                parameter["name"]: (parameter["in"], (parameter["schema"].get("examples") or parameter["examples"])[0])
                for parameter in methods["get"].get("parameters", [])
                if parameter["schema"].get("examples") or parameter.get("examples")
            }
            query = {name: value for name, (where, value) in examples.items() if where == "query"}
            yield "GET", path.format(**{n: v for n, (where, v) in examples.items() if where == "path"}), query, None


@pytest.mark.parametrize(("method", "path", "query", "body"), [*requests_of_the_document()])
def test_the_documents_examples_run(reranker, method, path, query, body):
    answer = httpx2.request(method, reranker.url + path, params=query, json=body)
    assert answer.status_code == 200, answer.text
