"""`GET /v1/operations` and its picture, only where the setting `operator` is on: they show inner things."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from marquee.api.problems import NO_STORE, ProblemError
from marquee_reranker.openapi import problem_told, problems_at
from marquee_reranker.operations import Operations, OperationsNow
from marquee_reranker.responses import json_answer
from marquee_reranker.sweep_plot import read_png

OFF = "the operator's view is off: set MARQUEE_OPERATOR=true where only operators can reach this server"
NO_PLOT = "there is no picture of a sweep: set MARQUEE_SWEEP_PLOT to a .png of at most 4 MiB"
OPERATIONS_PROBLEMS = {**problems_at(503), **problem_told(404, "The operator's view is off.", OFF)}
SWEEP_PROBLEMS = {
    **problems_at(503),
    **problem_told(404, "The operator's view is off, or has no such picture.", NO_PLOT),
}


def operators_only(request: Request) -> None:
    """Refuse where the operator's view is off.

    Raises:
        ProblemError: 404.
    """
    if not request.app.state.settings.operator:
        raise ProblemError(404, OFF, code="operator_off")


router = APIRouter(dependencies=[Depends(operators_only)])


@router.get("/v1/operations", operation_id="operations", response_model=OperationsNow, responses=OPERATIONS_PROBLEMS)
def operations(request: Request) -> Response:
    """How this process fares: load, latency, rungs, and the versions in its store. For operators only."""
    looked: Operations = request.app.state.operations
    return json_answer(looked.now(), NO_STORE)


@router.get(
    "/v1/operations/sweep.png",
    operation_id="sweep_plot",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "A picture."}, **SWEEP_PROBLEMS},
)
def sweep(request: Request) -> Response:
    """A picture of the sweep that chose the re-ranker's dials. For operators only."""
    path = request.app.state.operations.sweep_plot()
    content = read_png(path) if path else None
    if content is None:
        raise ProblemError(404, NO_PLOT, code="no_plot")
    return Response(content, media_type="image/png", headers=NO_STORE)
