"""The OpenAPI document names every route, its problems and examples."""

from marquee.settings import Settings
from marquee_reranker.app import create_app


def test_it_documents_routes_problems_and_examples():
    document = create_app(Settings()).openapi()
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == {
        *("POST /v1/recommendations", "POST /recommend", "POST /v0/recommend", "POST /v1/resolve"),
        *("POST /v1/explain", "GET /v1/posters/{movie_id}", "GET /v1/operations", "GET /v1/operations/sweep.png"),
        *("GET /v1/movies", "GET /v1/movies/sample", "GET /v1/movies/{movie_id}", "GET /v1/movies/{movie_id}/similar"),
        *("GET /v1/items", "PUT /v1/items/{item_id}", "DELETE /v1/items/{item_id}"),
        *("GET /v1/items/{item_id}", "GET /v1/items/{item_id}/similar"),
        *("GET /v1/understand", "GET /v1/model", "GET /livez", "GET /readyz"),
    }
    recommend = operations["POST /v1/recommendations"]
    assert set(recommend["responses"]) == {"200", "400", "408", "413", "415", "422", "500", "503"}
    for status, response in recommend["responses"].items():
        if status != "200":
            problem = response["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert problem["example"]["status"] == int(status)
    request = document["components"]["schemas"]["RecommendationRequest"]
    assert request["examples"] == [{"tmdb_ids": [1585, 4935, 597], "top_n": 5}]
    assert all(field.get("description") for field in request["properties"].values())
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_docs_api_names_every_route(pytestconfig):
    page = (pytestconfig.rootpath / "docs" / "api.md").read_text()
    for path in create_app(Settings()).openapi()["paths"]:
        assert f"`{path}" in page or f" {path}`" in page, path
