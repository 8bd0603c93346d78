"""What routes share: the pipeline of a request, and JSON as every runtime writes it."""

from collections.abc import Mapping

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from marquee.api.contracts import response_json
from marquee.pipeline import Pipeline
from marquee_reranker.telemetry import facts_of


def pipeline_of(request: Request) -> Pipeline:
    """Taken once per request: what follows is of one version, whatever is swapped meanwhile.

    Raises:
        BundleError: No bundle is loaded yet.
    """
    pipeline: Pipeline = request.app.state.live.get()
    facts_of(request.scope).model_version = pipeline.version
    return pipeline


def json_answer(model: BaseModel, headers: Mapping[str, str]) -> Response:
    """The model's JSON."""
    return Response(response_json(model), media_type="application/json", headers=dict(headers))
