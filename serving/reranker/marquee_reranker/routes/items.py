"""Routes of items that are added, changed or removed between trainings; they need the setting `items_token`."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from marquee.added import change, check_item, read_added, typed
from marquee.api.items import AddedItem, AddedItems, Item
from marquee.api.problems import NO_STORE, ProblemError
from marquee_reranker.openapi import problem_at, problems_at, with_request_body
from marquee_reranker.requests import ItemIdInPath, item_request
from marquee_reranker.responses import json_response, pipeline_of

OFF = "items can't be changed here: set MARQUEE_ITEMS_TOKEN and MARQUEE_ITEMS_SECONDS, or use `marquee items`"
UNAUTHORIZED = "changing items needs the header Authorization: Bearer TOKEN, with the server's MARQUEE_ITEMS_TOKEN"


def with_token(request: Request) -> None:
    """Refuse with 404 where items can't be changed, and with 401 who lacks the token."""
    token = request.app.state.settings.items_token.get_secret_value()
    if not token:
        raise ProblemError(404, OFF, code="items_off")
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise ProblemError(401, UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})


ITEMS = {**problem_at(401, "The token is missing or wrong.", UNAUTHORIZED), **problem_at(404, "Items are off.", OFF)}

router = APIRouter(dependencies=[Depends(with_token)])


@router.get("/v1/items", operation_id="items", response_model=AddedItems, responses={**ITEMS, **problems_at(503)})
def items(request: Request) -> Response:
    """All items that were added, changed or removed without a training."""
    return json_response(read_added(request.app.state.store))


@router.put("/v1/items/{item_id}", operation_id="put_item", **with_request_body(AddedItem, Item, ITEMS))
def put(request: Request, item_id: ItemIdInPath, item: Annotated[Item, Depends(item_request)]) -> Response:
    """Add an item, or change one: on this replica at once, on the others within `items_seconds`."""
    catalog = pipeline_of(request).catalog
    check_item(catalog, item)
    given = typed(catalog, item_id)
    added = change(request.app.state.store, put=[(given, item)])
    request.app.state.live.amend_now()
    return json_response(next(one for one in added.items if one.item_id == given))


@router.delete(
    "/v1/items/{item_id}", operation_id="remove_item", status_code=204, responses={**ITEMS, **problems_at(422, 503)}
)
def remove(request: Request, item_id: ItemIdInPath) -> Response:
    """Remove an item: nobody finds it or is recommended it any more, until it is put again."""
    catalog, store = pipeline_of(request).catalog, request.app.state.store
    given = typed(catalog, item_id)
    catalog.movie_of_item(given)  # or there is none
    change(store, remove=[given])
    request.app.state.live.amend_now()
    return Response(status_code=204, headers=NO_STORE)
