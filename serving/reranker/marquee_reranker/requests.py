"""Parameters and bodies of requests."""

from typing import Annotated, Any

from fastapi import Path, Request

from marquee.api.contracts import RecommendationRequest
from marquee.api.items import Item
from marquee.api.queries import MAX_ID, MoviePath, SampleQuery, SearchQuery, SimilarQuery, UnderstandQuery
from marquee.api.ratings import ResolveRequest
from marquee.api.request_body import parse_request

MovieIdInPath = Annotated[int, Path(ge=1, le=MAX_ID, description="A MovieLens id.", examples=[1])]
ItemIdInPath = Annotated[
    str, Path(min_length=1, max_length=200, description="The item's id in your data.", examples=["1"])
]


async def recommendation_request(request: Request) -> RecommendationRequest:
    """The parsed body; a FastAPI dependency, since FastAPI's own parser isn't strict."""
    return parse_request(request.headers.get("content-type", ""), await request.body(), RecommendationRequest)


async def item_request(request: Request) -> Item:
    """The same for an item."""
    return parse_request(request.headers.get("content-type", ""), await request.body(), Item)


async def resolve_request(request: Request) -> ResolveRequest:
    """The same for rows of ratings."""
    return parse_request(request.headers.get("content-type", ""), await request.body(), ResolveRequest)


# JSON schemas for validation messages: of the path's parameters, and of queries by the last part of their path.
PATH = MoviePath.model_json_schema()
QUERIES: dict[str, dict[str, Any]] = {
    "movies": SearchQuery.model_json_schema(),
    "sample": SampleQuery.model_json_schema(),
    "understand": UnderstandQuery.model_json_schema(),
    "similar": SimilarQuery.model_json_schema(),
}
