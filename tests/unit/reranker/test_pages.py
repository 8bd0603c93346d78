"""The page and the reference: what they are sent with, and that they ask nobody else for anything."""

import dataclasses
import json
import re

import pytest
from fastapi.testclient import TestClient

from marquee.api.root_path import OWN
from marquee.bundle import publish
from marquee.rerank.ranker import TERMS
from marquee.settings import load_settings
from marquee_reranker import routes
from marquee_reranker.routes.page import PLACEHOLDER, UI

SCRIPTS = [f"/ui/{path.name}" for path in sorted(UI.glob("*.js"))]
PAGES = ["/", "/docs", "/openapi.json", *SCRIPTS, "/ui/style.css"]
PICTURES = ["/ui/icon.svg", "/ui/favicon.png"]


@pytest.mark.parametrize("path", PAGES + PICTURES)
def test_served_under_a_strict_policy(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == ("max-age=86400" if path in PICTURES else "no-cache")
    assert client.head(path).headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("path", PAGES + PICTURES)
def test_unchanged_pages_are_304(client, path):
    tag = client.get(path).headers["etag"]
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    # A proxy that compresses asks with its own mark, or for several.
    assert client.get(path, headers={"If-None-Match": f'"other", {tag.removeprefix("W/")}'}).status_code == 304


def catalog_of(client):
    text = client.get("/").text
    return json.loads(re.search(r'<script type="application/json" id="catalog">(.*?)</script>', text)[1])


def test_the_page_knows_the_catalogue(client):
    catalog = catalog_of(client)
    assert catalog["genres"] == ["Action", "Comedy", "Drama", "Horror"]
    assert catalog["n_films"] == 50
    assert (catalog["noun"], catalog["own_ids"]) == (["film", "films"], False)
    assert catalog["diversity"] == 0.1  # 1 - lambda_mmr of this bundle
    assert catalog["novelty"] == 0.5
    assert len(catalog["popular"]) == 12
    assert catalog["years"][0] < catalog["years"][1]


def test_without_a_bundle_the_page_comes_all_the_same(make_app, tmp_path):
    with TestClient(make_app(artifacts=tmp_path / "none")) as client:
        assert catalog_of(client) == {}


def test_a_title_can_not_break_out_of_the_page(make_app, make_contents, tmp_path):
    contents = make_contents()
    evil = tuple("</script><script>alert(1)</script>" for _ in contents.catalog.titles)
    contents = dataclasses.replace(contents, catalog=dataclasses.replace(contents.catalog, titles=evil))
    publish(tmp_path / "evil", contents, force=True)
    with TestClient(make_app(artifacts=tmp_path / "evil")) as client:
        assert "<script>alert" not in client.get("/").text
        assert catalog_of(client)["popular"][0]["title"] == evil[0]


def test_no_file_refers_to_other_hosts_or_inline_code():
    for path in [path for path in UI.iterdir() if path.suffix != ".png"]:
        text = path.read_text()
        urls = set(re.findall(r"https?://[^\s\"'<)]+", text))
        links = {url for url in urls if path.name == "details.js"}  # nothing is loaded from there
        assert urls - links <= {"http://www.w3.org/2000/svg"}, path
        assert not re.search(r"\son\w+=|style=|innerHTML|javascript:", text), path
    assert PLACEHOLDER in (UI / "index.html").read_bytes()


@pytest.fixture
def below(make_app):
    with TestClient(make_app(root_path="/a/films")) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/model", "/docs", "/readyz", "/ui/style.css", "/openapi.json", "/"])
def test_below_a_root_path_with_the_prefix_and_without(below, path):
    assert below.get(path).status_code == below.get(f"/a/films{path}").status_code == 200
    assert below.get(f"/b{path}").status_code == 404


def test_the_root_path_without_a_slash_leads_to_the_page(below):
    answer = below.get("/a/films?x=1", follow_redirects=False)
    # Relative, whatever else is in front.
    assert (answer.status_code, answer.headers["location"]) == (307, "films/?x=1")
    assert answer.headers["x-request-id"]
    assert below.get("/a/films").url.path == "/a/films/"


def test_the_addresses_are_below_the_prefix_that_clients_see(client, below):
    for header, prefix in {"": "/a/films", "/x/": "/x", "//evil.example": "/a/films", '/"><b>': "/a/films"}.items():
        headers = {"X-Forwarded-Prefix": header}
        assert below.get("/openapi.json", headers=headers).json()["servers"] == [{"url": prefix}]
        for page in ("/", "/docs"):
            assert f'href="{prefix}/ui/style.css"' in below.get(page, headers=headers).text
    assert "servers" not in client.get("/openapi.json").json()
    assert 'href="./ui/style.css"' in client.get("/").text


def test_every_route_is_known_to_be_ours(client):
    assert {route.path.split("/")[1] for route in client.app.routes if hasattr(route, "path")} <= OWN


def test_pages_elsewhere_get_the_catalogue(client):
    assert client.get("/ui/catalog.json").json() == catalog_of(client)


def test_an_origin_is_allowed_however_it_was_written(make_app, monkeypatch):
    monkeypatch.setenv("MARQUEE_CORS_ORIGINS", "https://Films.example:443/")
    with TestClient(make_app(cors_origins=load_settings().cors_origins)) as client:
        answer = client.get("/v1/model", headers={"Origin": "https://films.example"})
        assert answer.headers["access-control-allow-origin"] == "https://films.example"


def test_the_root_path_knows_where_all_routes_begin():
    modules = (routes.films, routes.operations, routes.page, routes.recommend)
    paths = [route.path for module in modules for route in module.router.routes]
    assert {path.split("/")[1] for path in paths} == OWN


def test_the_operators_picture_draws_every_term_of_a_score():
    drawn = re.search(r"const TERMS = \{(.*?)\n\};", (UI / "operator.js").read_text("utf-8"), re.DOTALL)
    assert tuple(re.findall(r"(\w+): \[", drawn[1])) == TERMS
