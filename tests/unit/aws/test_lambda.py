"""The handler in process: three kinds of event, and the API's very bytes for answers and for errors."""

import json
import math
import os
from functools import partial

import pytest
from fastapi.testclient import TestClient

from marquee.api.request_context import RequestContext, deadline, request_context
from marquee.settings import Settings
from marquee_lambda.events import read_event
from marquee_reranker.app import create_app

from .conftest import ID, JSON, KINDS, ROOT, Context, build, event, headers_of, load_file

bad = load_file("bad_requests", ROOT / "tests/unit/reranker/test_bad_requests.py")

ORIGIN = "https://films.example.org"


def uncompressed(headers):
    """What an answer says of itself, but for its compression: a function's answers are small, and go as they are."""
    kept = {name: value for name, value in headers.items() if name not in {"content-length", "content-encoding"}}
    vary = [name for name in kept.pop("vary", "").split(", ") if name not in {"", "Accept-Encoding"}]
    return kept | ({"vary": ", ".join(vary)} if vary else {})


@pytest.fixture
def make(store):
    """`make(**settings) -> App`"""
    return partial(build, store)


@pytest.fixture(scope="module")
def with_origins(store):
    """The API and the function that pages of ORIGIN may read."""
    with TestClient(create_app(Settings(artifacts=store, cors_origins=[ORIGIN]))) as client:
        yield client, build(store, cors_origins=[ORIGIN])


def lines(capsys):
    """(log lines, blobs of metrics) that were written since the last time."""
    read = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [one for one in read if "_aws" not in one], [one for one in read if "_aws" in one]


REQUESTS = [
    {"tmdb_ids": [1001, 1004], "top_n": 5},
    {"movie_ids": [1, 7, 700], "top_n": 100, "explain": True},
    {"tmdb_ids": [1001], "disliked_tmdb_ids": [1010], "filters": {"genres_none": ["Horror"], "year_min": 1970}},
    {"tmdb_ids": [999_999]},
    {"movie_ids": [4, 10], "diversity": 0.9, "novelty": 1.0},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("request_", REQUESTS)
def test_answers_are_the_apis_bytes(ask, api, kind, request_):
    body = json.dumps(request_)
    expected = api.post("/v1/recommendations", content=body, headers=JSON)
    for given in (event(kind, body), event(kind, body.encode()), event(kind, body, path="/recommend")):
        answer = ask(given)
        assert answer["statusCode"] == 200
        assert answer["body"].encode() == expected.content
        assert headers_of(answer) == {
            name.title().replace("Id", "ID"): value for name, value in uncompressed(expected.headers).items()
        } | {"Content-Type": "application/json", "X-Request-ID": ID}


def test_a_bare_event_gets_the_answer_itself(ask, api):
    answer = ask({"tmdb_ids": [1001, 1004], "top_n": 5})
    expected = api.post("/recommend", json={"tmdb_ids": [1001, 1004], "top_n": 5}).json()
    assert answer["recommendations"] == expected["recommendations"]
    assert answer["served_by"] == "two_tower"
    assert len(answer["request_id"]) == 32


@pytest.mark.parametrize("given", [{}, [], None, 7, "text", {"tmdb_ids": ["x"]}, {"requestContext": {}}])
def test_a_bare_event_that_is_no_request_gets_a_problem(ask, given):
    assert ask(given)["status"] == 422


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [case[0] for case in bad.INVALID.values()] + list(bad.BROKEN.values()))
def test_bad_bodies_get_the_apis_problem(ask, api, kind, body):
    raw = body.encode() if isinstance(body, str) else body
    expected = api.post("/recommend", content=raw, headers=JSON)
    answer = ask(event(kind, body, path="/recommend"))
    assert 400 <= answer["statusCode"] == expected.status_code < 500
    assert answer["body"].encode() == expected.content
    assert headers_of(answer)["Content-Type"] == expected.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("GET", "/recommend", "", {"X-Request-ID": ID}),
        ("BREW", "/v1/recommendations", "", {"X-Request-ID": ID}),
        ("POST", "/nothing", "{}", JSON),
        ("POST", "/" + "x" * 300, "{}", JSON),
        ("POST", "/recommend", " " * 600_000, JSON),
        ("POST", "/nothing", " " * 600_000, JSON),
        ("POST", "/recommend", '{"tmdb_ids": [1001]}', {"Content-Type": "text/plain", "X-Request-ID": ID}),
        ("POST", "/recommend", '{"tmdb_ids": [1001]}', {"X-Request-ID": ID}),
        ("POST", "/recommend", '{"tmdb_ids": [1001], "filters": {"genres_any": ["Western"]}}', JSON),
        ("POST", "/recommend", '{"tmdb_ids": [1001], "disliked_tmdb_ids": [1001]}', JSON),
    ],
)
def test_other_bad_requests_get_the_apis_problem(ask, api, kind, method, path, body, headers):
    expected = api.request(method, path, content=body or None, headers=headers)
    answer = ask(event(kind, body, method, path, headers))
    assert (answer["statusCode"], answer["body"].encode()) == (expected.status_code, expected.content)
    assert headers_of(answer).get("Allow") == expected.headers.get("allow")


def test_who_asks_is_forgotten_after_the_event(ask):
    ask(event("http", '{"tmdb_ids": [1001]}'))
    assert (request_context.get(), deadline.get()) == (RequestContext(), math.inf)


def test_a_body_that_claims_to_be_base64(ask):
    answer = ask({**event("http", "no base64!"), "isBase64Encoded": True})
    assert answer["statusCode"] == 400
    assert "not base64" in json.loads(answer["body"])["detail"]


def test_a_named_stage_is_no_part_of_the_path(ask):
    assert ask(event("http", '{"tmdb_ids": [1001]}', stage="prod"))["statusCode"] == 200


def lets_through(status, headers, origin, method, wanted):
    """What a browser concludes from the answer to a preflight."""
    allowed = {name.strip().lower() for name in headers.get("access-control-allow-headers", "").split(",")}
    return (
        status in {200, 204}
        and headers.get("access-control-allow-origin") == origin
        and method in headers["access-control-allow-methods"]
        and (wanted is None or wanted in allowed)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example.org"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("wanted", ["content-type", "x-request-id", "x-secret", None])
def test_preflights_let_through_what_the_api_does(with_origins, kind, origin, method, wanted):
    client, app = with_origins
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "X-Request-ID": ID}
    if wanted:
        headers["Access-Control-Request-Headers"] = wanted
    expected = client.options("/v1/recommendations", headers=headers)
    answer = app.answer(event(kind, "", "OPTIONS", headers=headers), Context())
    ours = {name.lower(): value for name, value in headers_of(answer).items()}
    let_through = lets_through(answer["statusCode"], ours, origin, method, wanted)
    assert let_through == lets_through(expected.status_code, expected.headers, origin, method, wanted)
    assert let_through == (origin == ORIGIN and method != "DELETE" and wanted != "x-secret")
    assert not let_through or ours["access-control-max-age"] == expected.headers["access-control-max-age"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", ['{"tmdb_ids": [1001]}', "{}"])
@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example.org", None])
def test_pages_of_allowed_origins_may_read(with_origins, kind, body, origin):
    client, app = with_origins
    headers = JSON | ({"Origin": origin} if origin else {})
    expected = uncompressed(client.post("/recommend", content=body, headers=headers).headers)
    answer = app.answer(event(kind, body, path="/recommend", headers=headers), Context())
    ours = {name.lower(): value for name, value in headers_of(answer).items()}
    for name in ("access-control-allow-origin", "vary", "cross-origin-resource-policy"):
        assert ours.get(name) == expected.get(name)
    if origin == ORIGIN:
        exposed = [set(one["access-control-expose-headers"].replace(" ", "").split(",")) for one in (ours, expected)]
        assert exposed[0] == exposed[1] == {"X-Request-ID", "Retry-After"}


def test_without_origins_there_is_no_cors(ask):
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    assert ask(event("http", "", "OPTIONS", headers=headers))["statusCode"] == 405


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("throttled", "throttled"), ("slow", "timeout"), ("garbage", "bad_answer"), ("internal", "error")],
)
def test_a_failing_endpoint_is_the_next_rung_and_counted(capsys, make, front, mode, reason):
    front.mode = mode
    limit = {"sagemaker_seconds": 1} if mode == "slow" else {}
    app = make(profile="aws", sagemaker_endpoint="marquee", **limit)
    answer = json.loads(app.answer(event("http", '{"tmdb_ids": [1001, 1004], "top_n": 5}'), Context())["body"])
    assert answer["served_by"] == "item_cf"
    assert answer["degraded"] == [f"retrieval_{reason}"]
    assert len(answer["recommendations"]) == 5
    _, (blob,) = lines(capsys)
    assert (blob["Requests"], blob["Recommendations"], blob["Fallbacks"]) == ([1.0], [1.0], [1.0])
    assert blob["ServedByItemCf"] == [1.0]
    assert blob["degraded"] == [f"retrieval_{reason}"]


def test_little_time_left_is_kept_to(make, front):
    """The endpoint would have a minute."""
    front.mode = "slow"
    app = make(profile="aws", sagemaker_endpoint="marquee")
    answer = json.loads(app.answer(event("http", '{"tmdb_ids": [1001]}'), Context(0.8))["body"])
    assert answer["served_by"] == "item_cf"
    assert answer["degraded"] == ["retrieval_timeout"]


def test_the_log_line_and_the_metrics(capsys, make, front):
    app = make(profile="aws", sagemaker_endpoint="marquee")
    app.answer(event("http", '{"tmdb_ids": [1001, 1004], "top_n": 5}'), Context())
    ((line,), (blob,)) = lines(capsys)
    assert line["message"] == "request"
    assert line["service"] == blob["service"] == os.environ["POWERTOOLS_SERVICE_NAME"]
    assert line["request_id"] == blob["request_id"] == ID
    assert line["model_version"] == blob["model_version"] == app._pipeline.version
    assert (line["event"], line["route"], line["status"]) == ("http", "/v1/recommendations", 200)
    assert line["served_by"] == "two_tower"
    assert line["endpoint"] == "ok"
    assert line["cold_start"] is True
    assert "1001" not in json.dumps(line)  # no films in logs
    declared = {metric["Name"]: metric["Unit"] for metric in blob["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert blob["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert blob["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Marquee"
    assert declared == {
        "Requests": "Count",
        "Faults": "Count",
        "InvalidRequests": "Count",
        "ColdStarts": "Count",
        "Recommendations": "Count",
        "Fallbacks": "Count",
        "ServedByTwoTower": "Count",
        "Candidates": "Count",
        "RetrievalMs": "Milliseconds",
        "RerankMs": "Milliseconds",
        "EndpointMs": "Milliseconds",
    }
    assert blob["Fallbacks"] == [0.0]
    app.answer(event("http", "{}"), Context())
    ((line,), (blob,)) = lines(capsys)
    assert line["cold_start"] is False
    assert "endpoint_ms" not in line  # not the last request's
    assert blob["InvalidRequests"] == [1.0]
    assert "ColdStarts" not in blob


def test_a_fault_of_ours_is_a_problem_and_logged(capsys, make, api, monkeypatch):
    app = make()
    monkeypatch.setattr(app._pipeline, "recommend", lambda *_, **__: 1 / 0)
    answer = app.answer(event("http", '{"tmdb_ids": [1001]}'), Context())
    assert answer["statusCode"] == 500
    assert "a fault of ours" in json.loads(answer["body"])["detail"]
    assert "ZeroDivision" not in answer["body"]
    ((line,), (blob,)) = lines(capsys)
    assert "ZeroDivisionError" in line["exception"]
    assert blob["Faults"] == [1.0]


def test_without_a_bundle_it_answers_503_like_the_api(make, tmp_path):
    answer = make(artifacts=tmp_path).answer(event("http", '{"tmdb_ids": [1001]}'), Context())
    assert answer["statusCode"] == 503
    assert headers_of(answer)["Retry-After"] == "5"
    with TestClient(create_app(Settings(artifacts=tmp_path))) as client:
        expected = client.post("/recommend", content='{"tmdb_ids": [1001]}', headers=JSON)
    assert answer["body"].encode() == expected.content


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_an_event(kind):
    assert read_event(event(kind), "").kind == kind


def test_repeated_headers_are_joined(ask):
    given = {**event("rest", '{"tmdb_ids": [1001]}'), "headers": None}
    given["multiValueHeaders"] = {"content-type": ["application/json"], "X-Request-ID": ["a", "b"]}
    assert headers_of(ask(given))["X-Request-ID"] == "a,b"


@pytest.mark.parametrize("kind", [*KINDS, "bare"])
def test_a_fault_outside_the_pipeline_is_a_problem_and_logged(capsys, make, monkeypatch, kind):
    app = make()
    monkeypatch.setattr("marquee_lambda.app.headers_of", lambda _: 1 / 0)
    answer = app.answer({"movie_ids": [1]} if kind == "bare" else event(kind, "{}"), Context())
    status = answer["status"] if kind == "bare" else answer["statusCode"]
    assert status == 500
    assert "ZeroDivision" not in json.dumps(answer)
    ((line,), _) = lines(capsys)
    assert "ZeroDivisionError" in line["exception"]
