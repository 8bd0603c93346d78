"""`GET /v1/operations` and the sweep's plot, only with the setting `operator`, since they show internals."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from marquee.api.problems import NO_STORE, ProblemError
from marquee_reranker.openapi import problem_at, problems_at
from marquee_reranker.operations import OperationsNow, read_png
from marquee_reranker.responses import json_response

OFF = "the operator's view is off: set MARQUEE_OPERATOR=true where only operators can reach this server"
NO_PLOT = "there is no picture of a sweep: set MARQUEE_SWEEP_PLOT to a .png of at most 4 MiB"


def operators_only(request: Request) -> None:
    """Refuse with 404 where the operator's view is off."""
    if not request.app.state.settings.operator:
        raise ProblemError(404, OFF, code="operator_off")


router = APIRouter(dependencies=[Depends(operators_only)])


@router.get(
    "/v1/operations",
    operation_id="operations",
    response_model=OperationsNow,
    responses={**problems_at(503), **problem_at(404, "The operator's view is off.", OFF)},
)
def operations(request: Request) -> Response:
    """How this process fares: load, latency, rungs, and the versions in its store. For operators only."""
    return json_response(request.app.state.operations.now())


@router.get(
    "/v1/operations/sweep.png",
    operation_id="sweep_plot",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "A picture."},
        **problems_at(503),
        **problem_at(404, "The operator's view is off, or has no such picture.", NO_PLOT),
    },
)
def sweep(request: Request) -> Response:
    """A picture of the sweep that chose the re-ranker's dials. For operators only."""
    path = request.app.state.operations.sweep_plot()
    content = read_png(path) if path else None
    if content is None:
        raise ProblemError(404, NO_PLOT, code="no_plot")
    return Response(content, media_type="image/png", headers=NO_STORE)
