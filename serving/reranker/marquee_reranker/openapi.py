"""The OpenAPI document: what FastAPI can't see by itself."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from marquee.api.contracts import MAX_BODY_BYTES, Problem, RecommendationRequest, RecommendationResponse
from marquee.api.problems import CODES, status_title

REF = "#/components/schemas/{model}"
DESCRIPTION = (
    "Recommends films from a handful that somebody liked. Every error is an RFC 9457 problem that names its fix; "
    "every answer carries `X-Request-ID`, yours if you send one."
)
_EXAMPLES = {
    400: "the body is not JSON (EOF while parsing an object at line 1 column 16): send an object such as ...",
    404: "no film has the MovieLens id 999: search with /v1/movies?q=",
    413: f"the body is longer than {MAX_BODY_BYTES} bytes: send at most 100 ids per list",
    415: "the body is text/plain: send the header Content-Type: application/json",
    422: "top_n: must be a whole number from 1 to 100, not 0",
    500: "this is a fault of ours, and logged under the request_id: please report it with that id",
    503: "more requests than this server can answer in time: try again after 1 s, or add replicas",
}
_MEANINGS = {
    400: "The body is not JSON.",
    404: "No such film.",
    413: "The body is too long.",
    415: "The body is not declared as JSON.",
    422: "The request is not valid; `errors` says why, field by field.",
    500: "A fault of ours.",
    503: "Too much load, or no bundle yet; ask again after `Retry-After` seconds.",
}


def problems_at(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer with these problems."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": REF.format(model="Problem")},
                    "example": {
                        "type": "about:blank",
                        "code": "unknown_movie" if status == 404 else CODES[status],
                        "title": status_title(status),
                        "status": status,
                        "detail": _EXAMPLES[status],
                        "errors": [],
                        "request_id": "5f0c8d6e2b9a4c7f",
                    },
                }
            },
        }
        for status in (*statuses, 500)
    }


def problem_told(status: int, meaning: str, detail: str) -> dict[int | str, dict[str, Any]]:
    """One of `problems_at` where the general words don't fit."""
    told = problems_at(status)[status]
    told["description"] = meaning
    told["content"]["application/problem+json"]["example"]["detail"] = detail
    return {status: told}


# The body is read by a dependency of ours (bounded, strict), so its schema is declared here.
RECOMMEND_BODY: dict[str, Any] = {
    "response_model": RecommendationResponse,
    "responses": problems_at(400, 413, 415, 422, 503),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REF.format(model="RecommendationRequest")}}},
        }
    },
}


SEEDS = ("tmdb_ids", "movie_ids")
NONE = {"maxItems": 0}
OF_ONE = (*SEEDS, "disliked_tmdb_ids", "disliked_movie_ids")


def _given(name: str, at_least: int = 1, **others: dict[str, Any]) -> dict[str, Any]:
    """A schema: a list of so many entries is there, and others, if they are, are as said."""
    return {"required": [name], "properties": {name: {"minItems": at_least}, **others}}


def install(app: FastAPI) -> None:
    """Make the app's document the complete one."""

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=DESCRIPTION,
                routes=app.routes,
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            schemas = document["components"]["schemas"]
            for model in (RecommendationRequest, Problem):
                schema = model.model_json_schema(ref_template=REF)
                schemas |= schema.pop("$defs", {})
                schemas[model.__name__] = schema
            # What the models check in code: at least one seed of each person, and films of one person or of several.
            schemas["Person"]["anyOf"] = [_given(name) for name in SEEDS]
            schemas["RecommendationRequest"]["anyOf"] = [
                *(_given(name, people=NONE) for name in SEEDS),
                _given("people", at_least=2, several_interests={"const": False}, **dict.fromkeys(OF_ONE, NONE)),
            ]
            document["components"]["schemas"] = dict(sorted(schemas.items()))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]
