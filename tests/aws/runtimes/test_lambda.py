"""The built zip and layers under Lambda's runtime emulator, asking the real SageMaker toolkit through a front."""

import base64
import contextlib
import json
import subprocess
from pathlib import Path

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from threadpoolctl import threadpool_limits

from marquee.settings import Settings
from marquee_reranker.app import create_app
from tests.aws.runtimes.containers import needs
from tests.waiting import free_port, until

JSON = {"content-type": "application/json", "x-request-id": "golden"}
GOLDEN = 200
ORIGIN = "https://films.example.org"
ENDPOINT = "marquee"
PROFILE = {"MARQUEE_PROFILE": "aws", "MARQUEE_SAGEMAKER_ENDPOINT": ENDPOINT}
# What isn't about time waits for the endpoint a minute, however busy the machine is.
PATIENT = {f"MARQUEE_SAGEMAKER_{name}SECONDS": "60" for name in ("", "CONNECT_", "READ_")}


@pytest.fixture(scope="module")
def function(run_lambda, front_server):
    """The function with the profile `aws`; its endpoint is the front."""
    started = run_lambda(
        **PROFILE,
        **PATIENT,
        MARQUEE_CORS_ORIGINS=json.dumps([ORIGIN]),
        MARQUEE_ROOT_PATH="/films",
        AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=front_server[1],
    )
    until(started.answers)
    return started


@pytest.fixture(scope="module")
def api(store):
    # As `marquee serve` does: with several threads, a matrix product rounds differently.
    app = create_app(Settings(artifacts=store, cors_origins=[ORIGIN]))
    with threadpool_limits(1, user_api="blas"), TestClient(app) as client:
        yield client


def http_event(body, method="POST", path="/v1/recommendations", headers=JSON):
    context = {"stage": "$default", "http": {"method": method, "path": path}}
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": headers,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": False,
    }


def rest_event(body, method="POST", path="/v1/recommendations", headers=JSON):
    return {
        "httpMethod": method,
        "path": path,
        "headers": headers,
        "requestContext": {"stage": "prod"},
        "body": base64.b64encode(body.encode()).decode(),
        "isBase64Encoded": True,
    }


def golden(bundle):
    rng = np.random.default_rng(2026)
    catalog = bundle.catalog
    known = catalog.tmdb_ids[catalog.tmdb_ids > 0]
    for index in range(GOLDEN):
        request = {"tmdb_ids": rng.choice(known, rng.integers(1, 12), replace=False).tolist()}
        if index % 3 == 0:
            request["top_n"] = int(rng.integers(1, 101))
        if index % 5 == 0:
            request["explain"] = True
        if index % 7 == 0:
            request["diversity"], request["novelty"] = float(rng.random()), float(rng.random())
        if index % 11 == 0:
            request["filters"] = {"genres_none": [catalog.genre_names[0]], "year_min": 1975}
        if index % 13 == 0:
            request["movie_ids"] = rng.choice(catalog.movie_ids, 3, replace=False).tolist()
        if index % 17 == 0:
            request["exclude_tmdb_ids"] = rng.choice(known, 5, replace=False).tolist()
        if index % 19 == 0:  # by ids and columns of the catalogue's own
            request["item_ids"] = rng.choice(catalog.item_ids, 3, replace=False).tolist()
            request["filters"] = {"columns": {"price": {"max": 7}, "brand": {"none": ["Acme"]}}}
            request["boost"], request["max_per"] = [{"columns": {"tag": "new"}, "by": 1}], {"brand": 3}
        if index % 50 == 49:
            request["tmdb_ids"] = [2_000_000_000]
        yield json.dumps(request)


def test_200_golden_requests_are_fastapis_bytes(function, endpoint, api, bundle):
    rungs = {"two_tower": 0, "popularity": 0}
    for index, body in enumerate(golden(bundle)):
        expected = api.post("/v1/recommendations", content=body, headers=JSON)
        assert expected.status_code == 200, expected.text
        answer = function.invoke((http_event, rest_event)[index % 2](body))
        assert answer["body"].encode() == expected.content, body
        rungs[expected.json()["served_by"]] += 1
    assert rungs == {"two_tower": 196, "popularity": 4}
    assert len(endpoint.seen) >= 196


def test_a_bare_event(function, endpoint, api):
    bare = {"item_ids": ["sku-1"], "top_n": 5}
    expected = api.post("/recommend", json=bare).json()
    assert function.invoke(bare)["recommendations"] == expected["recommendations"]


@pytest.mark.parametrize("make_event", [http_event, rest_event])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ("{}", 422),
        ('{"tmdb_ids": ["1"]}', 422),
        ('{"tmdb_ids": [1], "topn": 3}', 422),
        ('{"tmdb_ids": [1], "filters": {"genres_any": ["Opera"]}}', 422),
        (" " * 600_000, 413),
    ],
)
def test_bad_input_gets_the_apis_problem(function, api, make_event, body, status):
    expected = api.post("/v1/recommendations", content=body, headers=JSON)
    answer = function.invoke(make_event(body))
    assert answer["statusCode"] == expected.status_code == status
    assert answer["body"].encode() == expected.content


@pytest.mark.parametrize(
    "event",
    [
        http_event('{"movie_ids": [1]}', path="/films/recommend"),
        rest_event('{"movie_ids": [1]}', path="/prod/recommend"),
        {"httpMethod": "POST", "path": "/recommend", "body": '{"movie_ids": [1]}'},
        {"body": {"movie_ids": [1]}},
    ],
)
def test_prefixes_and_older_events(function, endpoint, event):
    assert json.loads(function.invoke(event)["body"])["served_by"] == "two_tower"


def test_a_ping_and_a_load_balancers_health_check(function, bundle):
    assert function.invoke({"source": "serverless-plugin-warmup"}) == {"status": "alive"}
    lists = {"user-agent": ["ELB-HealthChecker/2.0"]}
    check = {"httpMethod": "GET", "path": "/readyz", "multiValueHeaders": lists, "requestContext": {"elb": {}}}
    answer = function.invoke({**check, "body": "", "isBase64Encoded": False})
    assert (answer["statusCode"], answer["multiValueHeaders"]["Content-Type"]) == (200, ["application/json"])
    assert json.loads(answer["body"]) == {"status": "ready", "model_version": bundle.version}


@pytest.mark.parametrize("n_films", [200, 70])
@pytest.mark.parametrize("shape", [http_event, rest_event, json.loads])
def test_the_longest_answers_pass_or_are_refused_in_words(function, endpoint, api, bundle, n_films, shape):
    """8 people with as many films as fit into a body: Lambda itself ends the function at 6,291,556 bytes."""
    movies = bundle.catalog.movie_ids[:n_films].tolist()
    person = {"movie_ids": movies[:100], "tmdb_ids": [movie + 1000 for movie in movies[100:]]}
    body = json.dumps({"people": [person] * 8, "top_n": 100, "explain": True})
    answer = function.invoke(shape(body))
    if shape is not json.loads:
        assert answer["statusCode"] == (422 if n_films > 100 else 200)
        assert answer["body"].encode() == api.post("/recommend", content=body, headers=JSON).content
        answer = json.loads(answer["body"])
    if n_films > 100:
        assert answer["code"] == "answer_too_long"
    else:
        assert len(answer["recommendations"]) == 100
    assert function.log.read_text().count("INIT REPORT") <= 1  # the same environment goes on


def test_a_preflight(function):
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    answer = function.invoke(http_event("", "OPTIONS", headers=asked))
    assert answer["statusCode"] == 204
    assert answer["headers"]["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer["headers"]["Access-Control-Allow-Methods"]
    evil = function.invoke(http_event("", "OPTIONS", headers={**asked, "origin": "https://evil.example.org"}))
    assert "Access-Control-Allow-Origin" not in evil["headers"]


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("throttled", "throttled"),
        ("slow", "timeout"),
        ("hangup", "connection_lost"),
    ],
)  # tests/unit/aws/test_sagemaker_client.py has every mode
def test_a_failing_endpoint_costs_a_rung_and_is_counted(run_lambda, front_server, endpoint, mode, reason):
    # A function of its own, since the breaker remembers.
    limits = PATIENT | ({"MARQUEE_SAGEMAKER_SECONDS": "5"} if mode == "slow" else {})
    function = run_lambda(**PROFILE, **limits, AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=front_server[1])
    until(function.answers)
    endpoint.mode = mode
    before = len(function.metrics())
    answer = json.loads(function.invoke(http_event('{"movie_ids": [1, 4], "top_n": 5}'))["body"])
    assert answer["served_by"] == "item_cf"
    assert answer["degraded"][0] == f"retrieval_{reason}"
    assert len(answer["recommendations"]) == 5
    (blob,) = until(lambda: function.metrics()[before:])
    assert blob["Fallbacks"] == blob["ServedByItemCf"] == [1.0]
    assert blob["service"] == "marquee-test"
    # And it finds back by itself.
    endpoint.mode = "normal"
    answer = json.loads(function.invoke(http_event('{"movie_ids": [1, 4], "top_n": 5}'))["body"])
    assert answer["served_by"] == "two_tower"


def test_an_endpoint_that_is_down(run_lambda, endpoint):
    address = f"http://127.0.0.1:{free_port()}"
    function = run_lambda(**PROFILE, **PATIENT, AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=address)
    until(function.answers)
    for _ in range(7):
        answer = json.loads(function.invoke(http_event('{"movie_ids": [1, 4], "top_n": 5}'))["body"])
        assert answer["served_by"] == "item_cf"
    # Five failures open the breaker (the first one was the request that `until` sent).
    assert answer["degraded"][0] == "retrieval_circuit_open"
    assert sum(blob.get("Fallbacks", [0.0])[0] for blob in function.metrics()) >= 7


def test_a_missing_setting_fails_init_and_says_which(run_lambda):
    function = run_lambda(MARQUEE_PROFILE="aws")
    until(lambda: "needs MARQUEE_SAGEMAKER_ENDPOINT" in function.log.read_text() or _try(function))


def _try(function):
    with contextlib.suppress(httpx2.TransportError, ValueError):  # it may not listen yet, or hang up
        assert "recommendations" not in function.invoke({"movie_ids": [1]})
    return False


def test_the_bundle_is_mapped_into_memory(function):
    mapped = set()
    for process in function.processes():
        mapped |= {line.split()[-1] for line in (process / "maps").read_text().splitlines()}
    files = {Path(one).name for one in mapped if one.startswith("/opt/marquee/versions/")}
    assert files == {f"{name}.safetensors" for name in ("catalog", "items", "item_cf", "two_tower")}


def test_init_imports_nothing_heavy(lambda_folders, run_lambda):
    task, opt = lambda_folders
    python = needs("lambda") / "bin/python"
    code = "import sys, lambda_function; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    environment = {
        "PYTHONPATH": f"{task}:{opt / 'python'}",
        "MARQUEE_ARTIFACTS_DIR": str(opt / "marquee"),
        "MARQUEE_PROFILE": "aws",
        "MARQUEE_SAGEMAKER_ENDPOINT": ENDPOINT,
        "AWS_REGION": "eu-central-1",
    }
    done = subprocess.run([python, "-c", code], env=environment, check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert not loaded & set("fastapi starlette torch pandas scipy sklearn pyarrow prometheus_client structlog".split())
    assert {"numpy", "pydantic", "botocore", "marquee"} <= loaded
