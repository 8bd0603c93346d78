"""Every bad request gets a problem that names the fix, never a 5xx."""

import gzip
import json
import math
import re
import time
from pathlib import Path

import pytest

from marquee.api import problems
from marquee.api.contracts import MAX_BODY_BYTES, RecommendationRequest

JSON = {"content-type": "application/json"}
FIELDS = ", ".join(RecommendationRequest.model_fields)
EXAMPLE = '{"tmdb_ids": [1585, 4935, 597], "top_n": 5}'

# docs/api.md has the closed list; a program that goes by a code must not meet another one.
CODES = set(re.findall(r"^\| `(\w+)` \| \d+ \|", (Path(__file__).parents[3] / "docs/api.md").read_text(), re.MULTILINE))

INVALID = {
    "no seeds": ("{}", "body", "give at least one film in tmdb_ids, movie_ids or item_ids"),
    "empty lists": (
        '{"tmdb_ids": [], "movie_ids": []}',
        "body",
        "give at least one film in tmdb_ids, movie_ids or item_ids",
    ),
    "a list": ("[1]", "body", f"must be an object such as {EXAMPLE}, not a list"),
    "a number": ("7", "body", f"must be an object such as {EXAMPLE}, not 7"),
    "unknown field": ('{"tmdb_ids": [1], "seeds": 1}', "seeds", f"there is no such field; the fields are {FIELDS}"),
    "misspelt field": ('{"tmdb_ids": [1], "topn": 5}', "topn", "did you mean top_n? the fields are tmdb_ids"),
    "field of filters": (
        '{"tmdb_ids": [1], "filters": {"year": 1999}}',
        "filters.year",
        "the fields are genres_any, genres_none, year_min, year_max, columns",
    ),
    "emoji field": ('{"\\ud83c\\udfac": 1, "tmdb_ids": [1]}', "🎬", "there is no such field"),
    "101 ids": (json.dumps({"tmdb_ids": [1] * 101}), "tmdb_ids", "has 101 entries; give a list of at most 100"),
    "10000 ids": (json.dumps({"tmdb_ids": [1] * 10_000}), "tmdb_ids", "has 10000 entries; give a list of at most 100"),
    "top_n 0": ('{"tmdb_ids": [1], "top_n": 0}', "top_n", "must be a whole number from 1 to 100, not 0"),
    "top_n 101": ('{"tmdb_ids": [1], "top_n": 101}', "top_n", "must be a whole number from 1 to 100, not 101"),
    "top_n 1.5": ('{"tmdb_ids": [1], "top_n": 1.5}', "top_n", "must be a whole number from 1 to 100, not 1.5"),
    "top_n text": ('{"tmdb_ids": [1], "top_n": "5"}', "top_n", 'must be a whole number from 1 to 100, not "5"'),
    "id text": ('{"tmdb_ids": [1, "a"]}', "tmdb_ids[1]", 'must be a whole number from 1 to 2147483647, not "a"'),
    "id true": ('{"tmdb_ids": [true]}', "tmdb_ids[0]", "must be a whole number from 1 to 2147483647, not true"),
    "id null": ('{"movie_ids": [null]}', "movie_ids[0]", "must be a whole number from 1 to 2147483647, not null"),
    "id zero": ('{"movie_ids": [0]}', "movie_ids[0]", "must be a whole number from 1 to 2147483647, not 0"),
    "id huge": ('{"tmdb_ids": [99999999999999999999]}', "tmdb_ids[0]", "not 99999999999999999999"),
    "ids not a list": ('{"tmdb_ids": 5}', "tmdb_ids", "must be a list of at most 100, not 5"),
    "novelty NaN": ('{"tmdb_ids": [1], "novelty": NaN}', "novelty", "must be a number from 0 to 1, not NaN"),
    "diversity infinite": ('{"tmdb_ids": [1], "diversity": 1e999}', "diversity", "must be a number from 0 to 1"),
    "diversity text": ('{"tmdb_ids": [1], "diversity": "0.5"}', "diversity", 'a number from 0 to 1, not "0.5"'),
    "explain text": ('{"tmdb_ids": [1], "explain": "yes"}', "explain", 'must be true or false, not "yes"'),
    "filters text": ('{"tmdb_ids": [1], "filters": "x"}', "filters", "must be an object with any of genres_any"),
    "genre number": (
        '{"tmdb_ids": [1], "filters": {"genres_any": [3]}}',
        "filters.genres_any[0]",
        "must be text of 1 to 50 characters, not 3",
    ),
    "genre of 100 letters": (
        json.dumps({"tmdb_ids": [1], "filters": {"genres_none": ["x" * 100]}}),
        "filters.genres_none[0]",
        "must be text of 1 to 50 characters",
    ),
    "year 5": ('{"tmdb_ids": [1], "filters": {"year_min": 5}}', "filters.year_min", "a whole number from 1870 to 2100"),
    "years swapped": (
        '{"tmdb_ids": [1], "filters": {"year_min": 2000, "year_max": 1990}}',
        "filters",
        "year_min is after year_max: swap them",
    ),
}
RULES = {
    "condition empty": (
        {"filters": {"columns": {"price": {}}}},
        "filters.columns.price",
        "is empty: give a value, a list",
    ),
    "condition of no values": (
        {"filters": {"columns": {"price": []}}},
        "filters.columns.price",
        "is empty: give a value",
    ),
    "condition null": ({"filters": {"columns": {"a": None}}}, "filters.columns.a", "must be an object such as"),
    "condition true": ({"filters": {"columns": {"a": True}}}, "filters.columns.a.any[0]", "must be text of 1 to 200"),
    "condition misspelt": ({"filters": {"columns": {"a": {"maxx": 1}}}}, "filters.columns.a.maxx", "did you mean max?"),
    "range of text": ({"filters": {"columns": {"a": {"max": "1"}}}}, "filters.columns.a.max", "must be a number from"),
    "range reversed": ({"filters": {"columns": {"a": {"min": 2, "max": 1}}}}, "filters.columns.a", "swap them"),
    "columns a list": ({"filters": {"columns": ["a"]}}, "filters.columns", "must be an object such as"),
    "boost of nothing": ({"boost": [{"by": 1}]}, "boost[0]", "give either movie_ids or item_ids, or columns"),
    "boost by nothing": ({"boost": [{"movie_ids": [4]}]}, "boost[0].by", "is missing; give a number from -100 to 100"),
    "boost of 1.5": ({"boost": [{"item_ids": [True], "by": 1}]}, "boost[0].item_ids[0]", "must be text of 1 to 200"),
    "pins at one place": (
        {"pin": [{"movie_id": 4, "position": 1}, {"movie_id": 7, "position": 1}]},
        "body",
        "two pins have position 1: give each its own",
    ),
    "pin beyond the list": ({"pin": [{"movie_id": 4, "position": 11}]}, "body", "beyond top_n: give 1 to 10"),
    "pin of nothing": ({"pin": [{"position": 1}]}, "pin[0]", "give one of movie_id, tmdb_id and item_id"),
    "max_per 0": ({"max_per": {"brand": 0}}, "max_per.brand", "must be a whole number from 1 to 100, not 0"),
    "nothing available": (
        {"only_movie_ids": []},
        "only_movie_ids",
        "is empty: give at least one entry, or leave it out",
    ),
    "10001 available": ({"only_movie_ids": [1] * 10_001}, "only_movie_ids", "give a list of at most 10000"),
}
RULES["boost NaN"] = (
    {"boost": [{"movie_ids": [4], "by": math.nan}]},
    "boost[0].by",
    "must be a number from -100 to 100",
)
RULES["range NaN"] = ({"filters": {"columns": {"a": {"min": math.nan}}}}, "filters.columns.a.min", "must be a number")
RULES["id in people"] = ({"people": [{"movie_ids": [1.0]}]}, "people[0].movie_ids[0]", "must be a whole number from 1")
INVALID |= {name: (json.dumps({"tmdb_ids": [1]} | one), field, says) for name, (one, field, says) in RULES.items()}


def problem_of(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["code"] in CODES
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


@pytest.mark.parametrize(("body", "field", "message"), INVALID.values(), ids=INVALID)
def test_invalid_bodies_name_field_and_fix(client, body, field, message):
    problem = problem_of(client.post("/v1/recommendations", content=body, headers=JSON), 422)
    assert [entry["field"] for entry in problem["errors"]] == [field]
    assert message in problem["errors"][0]["message"]
    assert message in problem["detail"]


BROKEN = {
    "empty": b"",
    "spaces": b"  \n",
    "cut off": b'{"tmdb_ids": [1',
    "deep": b"[" * 20_000,
    "deep objects": b'{"a":' * 5_000,
    "NUL": b"\x00",
    "NUL within": b'{"tmdb_ids": [1], "filters": {"genres_any": ["\x00"]}}',
    "not UTF-8": b'{"tmdb_ids": [1], "\xff\xfe": 1}',
    "half a surrogate": b'{"tmdb_ids": [1], "filters": {"genres_any": ["\\ud800"]}}',
    "number of 5000 digits": b'{"tmdb_ids": [%s]}' % (b"9" * 5000),
    "single quotes": b"{'tmdb_ids': [1]}",
    "two values": b"{} {}",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_broken_json_is_400_with_an_example(client, body):
    started = time.process_time()
    problem = problem_of(client.post("/recommend", content=body, headers=JSON), 400)
    assert time.process_time() - started < 1  # of the processor, since machines are busy; usually a hundredth
    assert problem["detail"].startswith(("the body is empty", "the body is not JSON ("))
    assert EXAMPLE in problem["detail"]


def test_a_number_of_4000_digits_is_refused_in_few_words(client):
    body = b'{"tmdb_ids": [%s]}' % (b"9" * 4000)
    problem = problem_of(client.post("/recommend", content=body, headers=JSON), 422)
    assert len(problem["detail"]) < 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"tmdb_ids": [1001], "tmdb_ids": [1004]}', 200),  # the last one counts, as in most JSON libraries
        ('{"tmdb_ids": [1001], "novelty": 1, "diversity": 0}', 200),
        ('{"tmdb_ids": [2147483647]}', 200),  # unknown ids are listed, not fatal
        ('{"tmdb_ids": [1001], "filters": {"genres_any": ["\\u0000"]}}', 422),
        ('{"tmdb_ids": [1001], "filters": {"genres_any": ["😀"]}}', 422),
    ],
)
def test_odd_but_readable_bodies(client, body, status):
    assert client.post("/recommend", content=body, headers=JSON).status_code == status


def test_the_pipelines_refusals_are_422(client):
    unknown = client.post("/recommend", json={"tmdb_ids": [1001], "filters": {"genres_any": ["Western"]}})
    assert problem_of(unknown, 422)["detail"].endswith("use one of Action, Comedy, Drama, Horror")
    both = client.post("/recommend", json={"tmdb_ids": [1001], "disliked_tmdb_ids": [1001]})
    problem_of(both, 422)
    assert [answer.json()["code"] for answer in (unknown, both)] == ["unknown_genre", "liked_and_disliked"]


def test_several_people_are_one_request_but_have_no_account(client):
    people = {"people": [{"tmdb_ids": [1001]}, {"movie_ids": [7]}]}
    answer = client.post("/recommend", json=people)
    assert answer.status_code == 200
    assert [len(film["for_people"]) for film in answer.json()["recommendations"]] == [2] * 10
    refused = client.post("/v1/explain", json=people)
    assert problem_of(refused, 422)["code"] == "group_without_account"
    wrong = client.post("/recommend", json={"people": [{"tmdb_ids": [1001]}, {"tmdb": [7]}]})
    assert problem_of(wrong, 422)["errors"][0]["field"] == "people[1].tmdb"


def test_many_wrong_ids_get_a_short_answer(client):
    problem = problem_of(client.post("/recommend", json={"tmdb_ids": ["x"] * 100}), 422)
    assert len(problem["errors"]) == 21
    assert problem["errors"][-1] == {"field": "...", "message": "and 80 more of the kind"}


@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_415_names_the_header(client, declared):
    headers = {"content-type": declared} if declared else {}
    problem = problem_of(client.post("/recommend", content=b'{"tmdb_ids": [1001]}', headers=headers), 415)
    assert problem["detail"].endswith("send the header Content-Type: application/json")


@pytest.mark.parametrize("encode", [gzip.compress, lambda body: body.decode().encode("utf-16")])
def test_an_encoding_that_is_not_read_is_named(client, encode):
    headers = {"content-type": "application/json"}
    problem = problem_of(client.post("/recommend", content=encode(b'{"tmdb_ids": [1001]}'), headers=headers), 415)
    assert problem["detail"].endswith("send it as UTF-8, without Content-Encoding")


def test_a_byte_order_mark_is_read_over(client):
    body = '{"tmdb_ids": [1001]}'.encode("utf-8-sig")
    assert client.post("/recommend", content=body, headers={"content-type": "application/json"}).status_code == 200


@pytest.mark.parametrize("declared", ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"])
def test_json_by_other_names_is_json(client, declared):
    response = client.post("/recommend", content=b'{"tmdb_ids": [1001]}', headers={"content-type": declared})
    assert response.status_code == 200


def chunks(total):
    for _ in range(total // 1024):
        yield b" " * 1024


@pytest.mark.parametrize("path", ["/recommend", "/nothing"])
@pytest.mark.parametrize("body", [b" " * 1_000_000, None], ids=["declared", "streamed"])
def test_413_with_and_without_content_length(client, path, body):
    response = client.post(path, content=body or chunks(1_000_000), headers=JSON)
    problem = problem_of(response, 413)
    assert problem["code"] == "too_long"
    assert response.headers["connection"] == "close"


def test_the_longest_body_is_read(client):
    body = b'{"tmdb_ids": [1001]}'.ljust(MAX_BODY_BYTES)
    assert client.post("/recommend", content=body, headers=JSON).status_code == 200
    assert client.post("/recommend", content=body + b" ", headers=JSON).status_code == 413


@pytest.mark.parametrize(
    ("url", "status", "detail"),
    [
        ("/v1/movies", 422, "q: is missing; give text of 1 to 200 characters"),
        ("/v1/movies?q=", 422, "q: must be text of 1 to 200 characters"),
        ("/v1/movies?q=film&limit=0", 422, "limit: must be a whole number from 1 to 50"),
        ("/v1/movies?q=film&limit=51", 422, "limit: must be a whole number from 1 to 50"),
        ("/v1/movies?q=film&limit=1e3", 422, "limit: must be a whole number from 1 to 50"),
        ("/v1/movies?q=film&size=3", 422, "size: there is no such field; the fields are q, limit"),
        ("/v1/movies/1/similar?top_n=101", 422, "top_n: must be a whole number from 1 to 100"),
        ("/v1/movies/1/similar?topn=1", 422, "did you mean top_n? the fields are genres_any, genres_none"),
        ("/v1/movies/abc/similar", 422, 'movie_id: must be a whole number from 1 to 2147483647, not "abc"'),
        (f"/v1/movies/{'9' * 5000}/similar", 422, "movie_id: must be a whole number from 1 to 2147483647"),
        ("/v1/movies/2/similar", 404, "no film has the MovieLens id 2: search with /v1/movies?q="),
        ("/nothing", 404, "there is nothing at /nothing: see /docs for what there is"),
        ("/metrics", 404, "there is nothing at /metrics"),
        ("/ui/..%2fapp.py", 404, "there is nothing at"),
        ("/ui/missing.js", 404, "there is nothing at /ui/missing.js"),
        ("/livez/", 404, "there is nothing at /livez/"),
        ("/recommend", 405, "GET is not possible at /recommend: use POST"),
    ],
)
def test_bad_addresses(client, url, status, detail):
    assert detail in problem_of(client.get(url), status)["detail"]


def test_odd_queries_are_no_errors(client):
    for query in ("%00", "%F0%9F%98%80", "%ff", "a" * 200, "()[]{}*+?\\"):
        assert client.get(f"/v1/movies?q={query}").json()["movies"] == []


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_405_says_what_is_allowed(client, method):
    response = client.request(method, "/v1/movies?q=film")
    assert problem_of(response, 405)["detail"] == f"{method} is not possible at /v1/movies: use GET"
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("method", "url", "content", "code"),
    [
        ("POST", "/recommend", b"{", "not_json"),
        ("POST", "/recommend", b"{}", "invalid_field"),
        ("POST", "/recommend", b" " * 600_000, "too_long"),
        ("GET", "/recommend", None, "method_not_allowed"),
        ("GET", "/nothing", None, "not_found"),
        ("GET", "/v1/movies/2/similar", None, "unknown_movie"),
        ("GET", "/v1/movies", None, "invalid_field"),
    ],
)
def test_every_problem_has_a_code_for_programs(client, method, url, content, code):
    assert client.request(method, url, content=content, headers=JSON).json()["code"] == code


def test_the_documented_codes_are_those_of_the_source():
    root = Path(__file__).parents[3]
    source = "".join(
        p.read_text() for folder in ("src", "serving", "aws/lambda") for p in (root / folder).rglob("*.py")
    )
    used = set(re.findall(r"\bcode ?= ?\"(\w+)\"", source)) | set(problems.CODES.values())
    assert used == CODES
