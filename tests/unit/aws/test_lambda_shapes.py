"""Events of gateways, load balancers and older callers; prefixes of paths; GET routes; the lengths of answers."""

import json
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from marquee.bundle import publish
from marquee_lambda.events import LIMITS

from .conftest import JSON, KINDS, Context, build, event, headers_of

BODY = {"tmdb_ids": [1001, 1004], "top_n": 5}
TEXT = json.dumps(BODY)


@pytest.fixture(scope="module")
def films(api):
    return api.post("/recommend", json=BODY).json()["recommendations"]


@pytest.fixture(scope="module")
def below_films(store):
    """The function below /films."""
    app = build(store, root_path="/films")
    return lambda given: app.answer(given, Context())


def rest(path="/recommend", **changes):
    """Payload 1.0, which has paths with the stage (HTTP APIs) or without (REST)."""
    return {**event("rest", TEXT, path=path), **changes}


def http(raw, stage="$default", body=TEXT):
    given = event("http", body)
    context = {**given["requestContext"], "stage": stage}
    return {**given, "rawPath": raw, "requestContext": context}


@pytest.mark.parametrize(
    "given",
    [
        http("/prod/recommend", "prod"),
        http("/prod/v1/recommendations", "prod"),
        http("/v1/v1/recommendations", "v1"),
        http("/v1/recommendations", "v1"),  # a custom domain: its paths have no stage
        rest("/prod/recommend"),  # rest's stage is prod
        rest("/recommend"),
        {**rest("/v1/recommendations"), "requestContext": {"stage": "v1"}},
        {name: value for name, value in rest().items() if name != "requestContext"},
        {"httpMethod": "POST", "path": "/recommend", "headers": JSON, "body": TEXT},
        {"httpMethod": "POST", "path": "/recommend", "headers": JSON, "body": BODY, "requestContext": None},
        {"httpMethod": "POST", "path": "/recommend", "body": TEXT},
        {"body": TEXT},
        {"body": BODY},
        {"body": BODY, "headers": None},
        {"body": BODY, "headers": {"X-Thing": "1"}, "path": "/v1/recommendations"},
        {"body": "eyJ0bWRiX2lkcyI6IFsxMDAxLCAxMDA0XSwgInRvcF9uIjogNX0=", "isBase64Encoded": True},
    ],
)
def test_envelopes_get_envelopes_whatever_the_stage(ask, films, given):
    answer = ask(given)
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["recommendations"] == films


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "path",
    ["/films/recommend", "/films/v1/recommendations", "/recommend", "/prod/films/recommend", "/films/prod/recommend"],
)
def test_one_root_path(below_films, kind, path):
    given = http(path, "prod") if kind == "http" else {**event(kind, TEXT, path=path)}
    if kind == "alb" and "prod" in path:
        path, given = "/films/recommend", event(kind, TEXT, path="/films/recommend")  # it has no stages
    assert below_films(given)["statusCode"] == 200


def test_other_prefixes_are_not_found(below_films, ask):
    for answer in (below_films(http("/other/recommend")), ask(http("/films/recommend"))):
        assert answer["statusCode"] == 404
        assert "there is nothing at /" in json.loads(answer["body"])["detail"]


@pytest.mark.parametrize(
    "ping",
    [
        {"source": "serverless-plugin-warmup"},
        {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": []},
        {"warmer": True, "concurrency": 3},
    ],
)
def test_pings_are_answered_and_not_counted(ask, capsys, ping):
    assert ask(ping) == {"status": "alive"}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("body", [None, ""])
@pytest.mark.parametrize("kind", KINDS)
def test_null_bodies(ask, kind, body):
    answer = ask({**event(kind), "body": body})
    assert answer["statusCode"] == 400
    assert "the body is empty" in answer["body"]


def several_values(given):
    """A load balancer's event where multi-value headers are on: it has nothing but lists, and takes nothing else."""
    headers = given.pop("headers")
    del given["queryStringParameters"]
    return {**given, "multiValueHeaders": {name: [value] for name, value in headers.items()}}


@pytest.mark.parametrize("body", [TEXT, "{}"])
def test_a_load_balancer_with_lists_of_headers(ask, body):
    answer = ask(several_values(event("alb", body)))
    assert answer["statusCode"] in {200, 422}
    assert "headers" not in answer
    assert answer["multiValueHeaders"]["X-Request-ID"] == [JSON["X-Request-ID"]]


def test_a_fault_reaches_such_a_load_balancer_too(store, monkeypatch):
    monkeypatch.setattr("marquee_lambda.app.headers_of", lambda _: 1 / 0)
    answer = build(store).answer(several_values(event("alb", TEXT)), Context())
    assert answer["statusCode"] == 500
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]


GETS = [
    ("/livez", ""),
    ("/readyz", ""),
    ("/v1/model", ""),
    ("/v1/movies", "q=film%2042&limit=3"),
    ("/v1/movies", "q=film+4+2"),
    ("/v1/movies", ""),
    ("/v1/movies", "q=a&limit=0&x=1"),
    ("/v1/movies/sample", "n=5&seed=7"),
    ("/v1/movies/7", ""),
    ("/v1/movies/2", ""),
    ("/v1/movies/seven", ""),
    ("/v1/movies/0", ""),
    ("/v1/movies/7/similar", "top_n=3&genres_any=Drama&genres_any=Comedy&year_min=1960"),
    ("/v1/movies/7/similar", "genres_any=Western"),
    ("/v1/movies/7/similar", "top_n=3&where=year%3E%3D1960"),
    ("/v1/movies/7/similar", "where=price%3C%3D5"),
    ("/v1/items/7", ""),
    ("/v1/items/978-1-00054-4", ""),
    ("/v1/items/7/similar", "top_n=3"),
    ("/v1/items/7/similar", "topn=3"),
    ("/v1/understand", "q=something+like+film+7+but+no+horror"),
    ("/v1/posters/7", ""),
    ("/ui/catalog.json", ""),
]


@pytest.mark.parametrize("kind", [*KINDS, "alb with lists"])
@pytest.mark.parametrize(("path", "query"), GETS)
def test_what_the_page_asks_gets_the_apis_bytes(ask, api, kind, path, query):
    headers = {"X-Request-ID": JSON["X-Request-ID"]}
    if kind == "alb":
        query = query.replace("&genres_any=Comedy", "")  # without lists, only the last value comes
    given = event(kind.split()[0], "", "GET", path, headers)
    if kind == "http":
        given["rawQueryString"] = query
    else:
        # API Gateway decodes, a load balancer leaves the text as it came.
        pairs = parse_qs(query, keep_blank_values=True)
        raw = {}
        for name, _, value in (one.partition("=") for one in query.split("&") if one):
            raw.setdefault(name, []).append(value)
        lists = pairs if kind == "rest" else raw
        given["queryStringParameters"] = {name: values[-1] for name, values in lists.items()} or None
        if kind != "alb":
            given["multiValueQueryStringParameters"] = lists or None
    if kind == "alb with lists":
        given = several_values(given)
    expected = api.get(f"{path}?{query}" if query else path, headers=headers)
    answer = ask(given)
    if path != "/v1/posters/7":
        assert answer["body"].encode() == expected.content
        if path != "/ui/catalog.json":  # revalidated, where there are ETags
            assert headers_of(answer).get("Cache-Control") == expected.headers.get("cache-control")
    assert answer["statusCode"] == expected.status_code


@pytest.mark.parametrize("kind", KINDS)
def test_head_is_get_without_a_body(ask, kind):
    answer = ask(event(kind, "", "HEAD", "/readyz"))
    assert (answer["statusCode"], answer["body"]) == (200, "")
    answer = ask(event(kind, "", "HEAD", "/recommend"))
    assert (answer["statusCode"], answer["body"], headers_of(answer)["Allow"]) == (405, "", "POST")


def test_explaining_a_request(ask, api):
    expected = api.post("/v1/explain", json=BODY, headers=JSON)
    assert ask(event("http", TEXT, path="/v1/explain"))["body"].encode() == expected.content


def test_resolving_rows_of_ratings(ask, api):
    rows = {"rows": [{"title": "Film 1"}, {"title": "Film 1001 of nothing", "year": 1999}]}
    expected = api.post("/v1/resolve", json=rows, headers=JSON)
    assert len(expected.json()["films"]) == 1
    for kind in KINDS:
        assert ask(event(kind, json.dumps(rows), path="/v1/resolve"))["body"].encode() == expected.content


def test_the_older_shape(ask, api, films):
    expected = api.post("/v0/recommend", json=BODY, headers=JSON)
    for kind in KINDS:
        assert ask(event(kind, TEXT, path="/v0/recommend"))["body"].encode() == expected.content
    assert json.loads(ask({"path": "/v0/recommend", "body": BODY})["body"])["recommendations"][0]["genres"] != []
    for film, older in zip(films, expected.json()["recommendations"], strict=True):
        names = {
            "title": f"{film['title']} ({film['year']})",
            "genres": "|".join(film["genres"]) or "(no genres listed)",
        }
        assert older == {**film, **names}


@pytest.fixture(scope="module")
def long_titles(tmp_path_factory, make_contents):
    """A function whose films have titles of 60 letters outside of ASCII, which grow threefold in Lambda's JSON."""
    contents = make_contents(n_movies=900)
    titles = tuple("ü" * 60 + str(movie) for movie in contents.catalog.movie_ids)
    contents = replace(
        contents,
        catalog=replace(contents.catalog, titles=titles),
        rerank=contents.rerank.model_copy(update={"n_candidates": 150}),
    )
    store = tmp_path_factory.mktemp("long") / "store"
    publish(store, contents, force=True)
    app = build(store)
    return lambda given: app.answer(given, Context())


@pytest.mark.parametrize("kind", [*KINDS, "bare"])
@pytest.mark.parametrize("n_people", [2, 5, 6, 8])
def test_no_answer_is_longer_than_its_gateway_takes(long_titles, kind, n_people):
    people = [{"movie_ids": [3 * row + 1 for row in range(100 * n, 100 * n + 50)]} for n in range(n_people)]
    request = {"people": people, "top_n": 100, "explain": True}
    answer = long_titles(request if kind == "bare" else event(kind, json.dumps(request)))
    assert len(json.dumps(answer)) < LIMITS.get(kind, LIMITS["http"])
    problem = answer if kind == "bare" else json.loads(answer["body"])
    if problem.get("code"):
        assert (problem["status"], problem["code"]) == (422, "answer_too_long")
        assert "lower top_n, name fewer films or people, or leave out explain" in problem["detail"]
    assert ("code" in problem) == (n_people > (0 if kind == "alb" else 2))


def test_one_persons_longest_answer_passes(long_titles):
    request = {"movie_ids": list(range(1, 301, 3)), "top_n": 100, "explain": True}
    assert long_titles(event("http", json.dumps(request)))["statusCode"] == 200
