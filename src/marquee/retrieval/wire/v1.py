"""KServe's V1 protocol: {"instances": [...]} -> {"predictions": [...]}.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marquee.errors import RequestError
from marquee.retrieval.port import Candidates, Query
from marquee.retrieval.wire.query import parse_instances, to_fields

_FIELDS = {"instances", "model_version"}


def parse(body: dict[str, Any]) -> list[Query]:
    """The queries of a request.

    Raises:
        RequestError: The request isn't in the form that docs/retrieval.md describes.
    """
    if unknown := sorted(set(body) - _FIELDS):
        raise RequestError(f"there is no field {unknown[0]!r}", fix="send only instances and model_version")
    if not isinstance(body["instances"], list):
        raise RequestError("instances is not a list", fix='send {"instances": [{"movie_ids": [1, 2], "k": 200}]}')
    return parse_instances(body["instances"], "instances")


def render(found: Sequence[Candidates]) -> dict[str, Any]:
    """The answer's body."""
    predictions = [{"movie_ids": one.movie_ids.tolist(), "scores": one.scores.tolist()} for one in found]
    return {"predictions": predictions, "model_version": found[0].model_version}


def ask(query: Query, model_version: str) -> dict[str, Any]:
    """A client's request."""
    return {"instances": [to_fields(query)], "model_version": model_version}


def read(body: dict[str, Any]) -> Candidates:
    """A client's reading of an answer to one query.

    Raises:
        KeyError, TypeError, ValueError: It isn't one.
    """
    (prediction,) = body["predictions"]
    return Candidates(
        np.array(prediction["movie_ids"], dtype=np.int64),
        np.array(prediction["scores"], dtype=np.float32),
        str(body["model_version"]),
    )
