"""One suite for every retrieval server: the same requests get the same bytes as in process."""

import socket
from itertools import chain

import httpx2
import numpy as np
import pytest

from marquee.api.conditions import Condition
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.http import RetrievalClient
from marquee.retrieval.port import Query, Where
from marquee.retrieval.wire import JSON_LENGTH, ask, read_answer

PATHS = {
    "v1": ("v1", "/v1/models/two_tower:predict"),
    "v2": ("v2", "/v2/models/two_tower/infer"),
    "invocations": ("v1", "/invocations"),
    "invocations-v2": ("v2", "/invocations"),
}
CHEAP, BRANDS, TAGS = Condition(max=7.5), Condition(any=("ACME", "Apex")), Condition(all=("new",), none=("sale",))


@pytest.fixture(params=PATHS)
def route(request):
    """(protocol, path)"""
    return PATHS[request.param]


@pytest.fixture
def post(server):
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        yield lambda path, body: client.post(path, content=body, headers={"Content-Type": "application/json"})


def queries(bundle, rng, n=40):
    movies = bundle.catalog.movie_ids
    for _ in range(n):
        where = Where(
            genres_any=("Drama", "comedy") if rng.random() < 0.3 else (),
            genres_none=("Horror",) if rng.random() < 0.3 else (),
            year_min=int(rng.integers(1950, 1990)) if rng.random() < 0.3 else None,
            year_max=int(rng.integers(1990, 2020)) if rng.random() < 0.3 else None,
            exclude_movie_ids=tuple(int(movie) for movie in rng.choice(movies, rng.integers(0, 8), replace=False)),
            only_movie_ids=tuple(rng.choice(movies, 400, replace=False).tolist()) if rng.random() < 0.2 else None,
            columns={"price": CHEAP, "brand": BRANDS, "tag": TAGS} if rng.random() < 0.3 else {},
        )
        seeds = rng.choice(movies, rng.integers(1, 12), replace=False)
        yield Query(tuple(int(movie) for movie in seeds), int(rng.integers(1, 300)), where)


def test_the_same_answers_as_in_process(post, route, bundle, rng):
    protocol, path = route
    search = ExactSearch(bundle)
    for query in queries(bundle, rng):
        answer = post(path, ask(query, protocol, bundle.version))
        assert answer.status_code == 200, answer.text
        found = read_answer(answer.content, protocol, query.k, answer.headers.get(JSON_LENGTH))
        expected = search.candidates(query.seed_movie_ids, query.k, query.where)
        assert found.model_version == bundle.version
        assert found.movie_ids.tolist() == expected.movie_ids.tolist()
        np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=1e-5)
        assert found.scores.tobytes() == expected.scores.tobytes()  # stronger than the contract


def test_many_queries_in_one_request(post, bundle, rng):
    search = ExactSearch(bundle)
    asked = list(queries(bundle, rng, 5))
    instances = [{"movie_ids": list(query.seed_movie_ids), "k": query.k} for query in asked]
    answer = post(PATHS["v1"][1], httpx2.Request("POST", "http://x", json={"instances": instances}).content).json()
    for query, prediction in zip(asked, answer["predictions"], strict=True):
        assert prediction["movie_ids"] == search.candidates(query.seed_movie_ids, query.k, Where()).movie_ids.tolist()
    widest = max(len(query.seed_movie_ids) for query in asked)
    rows = [[*query.seed_movie_ids, *[0] * (widest - len(query.seed_movie_ids))] for query in asked]
    tensors = [
        {"name": "movie_ids", "datatype": "INT64", "shape": [5, widest], "data": [*chain(*rows)]},
        {"name": "k", "datatype": "INT64", "shape": [5], "data": [query.k for query in asked]},
    ]
    body = httpx2.Request("POST", "http://x", json={"id": "7", "inputs": tensors}).content
    answer = post(PATHS["v2"][1], body).json()
    assert answer["id"] == "7"
    assert answer["model_name"] == "two_tower"
    outputs = {tensor["name"]: tensor for tensor in answer["outputs"]}
    ids = np.array(outputs["movie_ids"]["data"]).reshape(outputs["movie_ids"]["shape"])
    for row, count, query in zip(ids, outputs["counts"]["data"], asked, strict=True):
        assert row[:count].tolist() == search.candidates(query.seed_movie_ids, query.k, Where()).movie_ids.tolist()
        assert not row[count:].any()


@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        (PATHS["v1"][1], b'{"instances": [{"movie_ids": []}]}', "instances[0].movie_ids"),
        (PATHS["v1"][1], b'{"instances": [{"movie_ids": [1], "k": 0}]}', "instances[0].k"),
        (PATHS["v1"][1], b'{"instances": [{"movie_ids": ["1"]}]}', "instances[0].movie_ids.0"),
        (PATHS["v1"][1], b'{"instances": [{"movie_ids": [1], "kk": 5}]}', "instances[0].kk"),
        (PATHS["v1"][1], b'{"instances": []}', "0 instances"),
        (PATHS["v1"][1], b'{"instances": [{"movie_ids": [2]}]}', "no film has any of the ids 2"),
        (PATHS["v1"][1], b'{"instances": [{"movie_ids": [1], "genres_any": ["Opera"]}]}', "'Opera'"),
        (PATHS["v1"][1], b'{"instances": [{"movie_ids": [1], "columns": {"colour": "red"}}]}', "no column 'colour'"),
        (PATHS["v1"][1], b'{"instances": [{"movie_ids": [1], "columns": {"brand": {"min": 1}}}]}', "has words"),
        (PATHS["v2"][1], b'{"inputs": [{"name": "nope", "datatype": "INT64", "shape": [1], "data": [1]}]}', "'nope'"),
        (
            PATHS["v2"][1],
            b'{"inputs": [{"name": "movie_ids", "datatype": "INT64", "shape": [1, 3], "data": [1, 4]}]}',
            "input movie_ids",
        ),
        ("/invocations", b'{"instances": ', "not JSON"),
        ("/invocations", b'{"instances": [{"movie_ids": [1]}], "inputs": []}', "neither instances (V1) nor inputs"),
        ("/invocations", b'{"seeds": [1]}', "neither instances (V1) nor inputs"),
        ("/invocations", b"[" * 10_000, "not JSON"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(post, path, body, complaint):
    answer = post(path, body)
    assert answer.status_code == 400, answer.text
    assert complaint in answer.json()["error"]


def test_the_probe_is_a_real_search(server, bundle):
    answer = httpx2.get(f"{server.url}/predictions/two_tower", timeout=60)
    assert answer.status_code == 200
    assert answer.json()["model_version"] == bundle.version
    assert len(answer.json()["predictions"][0]["movie_ids"]) == 10
    assert httpx2.get(f"{server.url}/ping", timeout=60).status_code == 200


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_through_our_client(server, bundle, rng, protocol):
    client = RetrievalClient(server.url, protocol=protocol, seconds=60)
    search = ExactSearch(bundle)
    for query in queries(bundle, rng, 10):
        found = client.retriever(bundle.version).candidates(query.seed_movie_ids, query.k, query.where)
        expected = search.candidates(query.seed_movie_ids, query.k, query.where)
        assert found.movie_ids.tobytes() == expected.movie_ids.tobytes()
        assert found.scores.tobytes() == expected.scores.tobytes()
    client.close()


@pytest.mark.parametrize("path", ["/models", "/models/two_tower", "/workflows", "/metrics/x"])
def test_management_is_not_served(server, path):
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert httpx2.request(method, server.url + path, timeout=60).status_code in {404, 405}


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_the_same_answers_on_ipv6(server, bundle):
    url = f"http://[::1]:{server.port}"
    assert httpx2.get(f"http://[::1]:{server.metrics_port}/metrics", timeout=60).status_code == 200
    client = RetrievalClient(url, seconds=60, connect_seconds=60)
    query = Query(tuple(bundle.catalog.movie_ids[:2].tolist()), 5, Where())
    assert client.candidates(query, bundle.version).model_version == bundle.version
    client.close()
