"""The wire format: what is asked arrives, what is answered arrives, and nothing else passes."""

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marquee.api.conditions import Condition
from marquee.errors import RequestError
from marquee.retrieval.port import Candidates, Query, Where
from marquee.retrieval.wire import JSON_LENGTH, MAX_BODY_BYTES, MAX_K, MAX_QUERIES, ask, parse_request, read_answer

ids = st.integers(1, 2**31)
genres = st.lists(st.text(min_size=1, max_size=20), max_size=3).map(tuple)
years = st.none() | st.integers(1870, 2100)
values = st.lists(st.text(min_size=1, max_size=20) | st.integers(-9, 9) | st.floats(-9, 9), min_size=1, max_size=3)
bounds = st.floats(-9, 9)
conditions = st.dictionaries(st.sampled_from(["any", "all", "none"]), values.map(tuple), min_size=1) | st.builds(
    lambda ends: {"min": min(ends), "max": max(ends)}, st.tuples(bounds, bounds)
)
columns = st.dictionaries(st.text(max_size=9), conditions.map(Condition.model_validate), max_size=3)
queries = st.builds(
    Query,
    st.lists(ids, min_size=1, max_size=100).map(tuple),
    st.integers(1, 1000),
    st.builds(
        Where,
        genres,
        genres,
        years,
        years,
        st.lists(ids, max_size=20).map(tuple),
        st.none() | st.lists(ids, min_size=1, max_size=20).map(tuple),
        columns,
    ),
)
protocols = st.sampled_from(["v1", "v2"])


@given(query=queries, protocol=protocols, version=st.text(max_size=30))
@settings(deadline=None)
def test_a_query_arrives_as_it_was_sent(query, protocol, version):
    queries, model_version, _ = parse_request(ask(query, protocol, version))
    assert queries == [query]
    assert model_version == version


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_the_longest_query_of_one_request_passes(protocol):
    """200 films of one person, and all that 8 people can name, are within the servers' limits."""
    far = tuple(range(2**31 - 20_001, 2**31 - 1))
    longest = Query(tuple(range(1, 201)), 1000, Where(exclude_movie_ids=far[:3400], only_movie_ids=far))
    body = ask(longest, protocol, "v")
    assert parse_request(body)[0] == [longest]
    assert len(body) < MAX_BODY_BYTES


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_the_longest_answer_passes_a_serverless_endpoint(protocol):
    """SageMaker lets 4 MB pass."""
    found = Candidates(np.full(MAX_K, 2**53), np.full(MAX_K, -np.pi / 1e4, dtype=np.float32), "v" * 29)
    _, _, render = parse_request(ask(Query((1,), 1), protocol, ""))
    assert len(render([found] * MAX_QUERIES).text()) < 4_000_000


@given(
    pairs=st.dictionaries(ids, st.floats(-1e6, 1e6, width=32), min_size=0, max_size=50),
    protocol=protocols,
    binary=st.booleans(),
)
@settings(deadline=None)
def test_an_answer_arrives_bit_for_bit(pairs, protocol, binary):
    """Also that of a server that knows no tensors as bytes."""
    found = Candidates(np.array([*pairs], dtype=np.int64), np.array([*pairs.values()], dtype=np.float32), "v")
    body = json.loads(ask(Query((1,), 50), protocol, ""))
    if not binary and protocol == "v2":
        del body["parameters"]["binary_data_output"]
    content, headers = parse_request(body)[2]([found]).encode()
    assert (JSON_LENGTH in headers) == (binary and protocol == "v2")
    read = read_answer(content, protocol, 50, headers.get(JSON_LENGTH))
    assert read.movie_ids.tobytes() == found.movie_ids.tobytes()
    assert read.scores.tobytes() == found.scores.tobytes()
    assert read.model_version == "v"


@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["instances", "inputs", "parameters", "id", "k"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
@settings(deadline=None)
def test_whatever_comes_is_understood_or_refused(body):
    with suppress(RequestError):
        assert parse_request(body)[0]


TENSOR = {"name": "movie_ids", "datatype": "INT64", "shape": [1, 2], "data": [1, 4]}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "seeds"}, "'seeds' is unknown"),
        ({"name": ["movie_ids"]}, "is unknown"),
        ({"datatype": "FP32"}, "is not INT64 of shape"),
        ({"shape": [2]}, "has shape"),
        ({"shape": [1, 3]}, "2 values"),
        ({"shape": [1, -2]}, "is not INT64"),
        ({"shape": [True, 2]}, "is not INT64"),
        ({"shape": None}, "is not INT64"),
        ({"data": "1,4"}, "is not INT64"),
        ({"data": [1, "4"]}, "queries[0].movie_ids.1"),
        ({"data": [1, 4.5]}, "queries[0].movie_ids.1"),
        ({"data": [0, 0]}, "queries[0].movie_ids"),
        ({"shape": [65, 0], "data": []}, "at most 64 queries"),
        ({"name": "columns", "datatype": "BYTES", "shape": [1], "data": ["x"]}, "input columns is not JSON"),
        ({"name": "columns", "datatype": "BYTES", "shape": [1], "data": ["[1]"]}, "input columns is not JSON"),
        ({"name": "columns", "datatype": "BYTES", "shape": [1], "data": [[]]}, "0 values"),
    ],
)
def test_bad_tensors(change, complaint):
    with pytest.raises(RequestError) as raised:
        parse_request({"inputs": [TENSOR | change]})
    assert complaint in raised.value.message or complaint in raised.value.fix


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"inputs": [TENSOR], "verbose": 1}, "no field 'verbose'"),
        ({"inputs": [TENSOR, TENSOR]}, "given twice"),
        ({"inputs": TENSOR}, "not a list of tensors"),
        ({"inputs": []}, "movie_ids is missing"),
        ({"inputs": [TENSOR, {"name": "k", "datatype": "INT64", "shape": [2], "data": [1, 2]}]}, "first dimensions"),
        ({"inputs": [TENSOR], "parameters": []}, ""),
        ({"inputs": [TENSOR], "parameters": {"model_version": 7}}, "model_version is not a string"),
        ({"instances": [{"movie_ids": [1]}], "parameters": {}}, "no field 'parameters'"),
        ({"instances": {"movie_ids": [1]}}, "not a list"),
        ({"instances": [{"movie_ids": [1]}] * 65}, "65 instances"),
        ({"instances": [{"movie_ids": [1], "k": 1001}]}, "instances[0].k"),
        ({"instances": [{"movie_ids": [True]}]}, "instances[0].movie_ids.0"),
    ],
)
def test_bad_bodies(body, complaint):
    if not complaint:  # an empty list of parameters is none
        assert parse_request(body)[0]
        return
    with pytest.raises(RequestError) as raised:
        parse_request(body)
    assert complaint in raised.value.message


def test_too_large_a_body_is_not_even_parsed():
    with pytest.raises(RequestError, match="bytes"):
        parse_request(b" " * (1024 * 1024 + 1))


def test_nested_data_and_columns_are_allowed_as_the_protocol_says():
    nested = {"name": "movie_ids", "datatype": "INT64", "shape": [2, 2], "data": [[1, 4], [7, 0]]}
    column = {"name": "k", "datatype": "INT64", "shape": [2, 1], "data": [5, 6]}
    queries, _, _ = parse_request({"inputs": [nested, column]})
    assert queries == [Query((1, 4), 5), Query((7,), 6)]


@pytest.mark.parametrize("protocol", ["v1", "v2"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"predictions": [], "model_version": ""}',
        b'{"predictions": [{"movie_ids": [1, 2], "scores": [0.5]}], "model_version": ""}',
        b'{"predictions": [{"movie_ids": [1, 1], "scores": [0.5, 0.4]}], "model_version": ""}',
        b'{"predictions": [{"movie_ids": [1], "scores": [NaN]}], "model_version": ""}',
        b'{"predictions": [{"movie_ids": [[1]], "scores": [[1.0]]}], "model_version": ""}',
        b'{"predictions": [{"movie_ids": ["x"], "scores": [1.0]}], "model_version": ""}',
        b'{"predictions": [{"movie_ids": [99999999999999999999], "scores": [1.0]}], "model_version": ""}',
        b'{"predictions": [{"movie_ids": [1, 2, 3, 4], "scores": [1.0, 1.0, 1.0, 1.0]}], "model_version": ""}',
        b'{"outputs": [{"name": "movie_ids", "data": [1]}], "model_version": ""}',
        b'{"outputs": 5, "model_version": ""}',
        b"[" * 100_000,
    ],
)
def test_a_client_believes_nothing(body, protocol):
    with pytest.raises(ValueError, match=r".+"):
        read_answer(body, protocol, 3)


@pytest.mark.parametrize(
    ("length", "damage"),
    [
        ("x", lambda content: content),
        ("-1", lambda content: content),
        ("5", lambda content: content),
        (None, lambda content: content),  # bytes that no header announces
        ("", lambda content: content[:-8]),  # cut short
        ("", lambda content: content.replace(b'"INT64"', b'"FP640"', 1)),
        ("", lambda content: content.replace(b'"INT64"', b'"INT65"', 1)),
        ("", lambda content: content.replace(b"binary_data_size", b"binary_data_sise", 1)),
        ("", lambda content: content.replace(b'{"binary_data_size":16}', b'{"binary_data_size":""}', 1)),
    ],
)
def test_a_client_believes_no_bytes_either(length, damage):
    found = Candidates(np.array([7, 4]), np.array([0.5, 0.25], dtype=np.float32), "v")
    content, headers = parse_request(ask(Query((1,), 3), "v2", ""))[2]([found]).encode()
    assert read_answer(content, "v2", 3, headers[JSON_LENGTH]).movie_ids.tolist() == [7, 4]
    with pytest.raises(ValueError, match=r".+"):
        read_answer(damage(content), "v2", 3, headers[JSON_LENGTH] if length == "" else length)
