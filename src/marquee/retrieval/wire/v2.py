"""KServe's V2 protocol (Open Inference Protocol): the same queries and answers as tensors.

Queries have different lengths and tensors haven't, so rows are filled up: ids and years with 0, genres with "".
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from marquee.errors import RequestError
from marquee.retrieval.port import Candidates, Query
from marquee.retrieval.wire.query import MAX_INSTANCES, parse_instances, to_fields

MODEL_NAME = "two_tower"
_MAX_VALUES = 200_000
_FIELDS = {"id", "inputs", "outputs", "parameters"}
# name -> whether a query has a row of values (and not one value), and their type.
INPUTS: dict[str, tuple[bool, str]] = {
    "movie_ids": (True, "INT64"),
    "k": (False, "INT64"),
    "genres_any": (True, "BYTES"),
    "genres_none": (True, "BYTES"),
    "year_min": (False, "INT64"),
    "year_max": (False, "INT64"),
    "exclude_movie_ids": (True, "INT64"),
}
OUTPUTS = {"movie_ids": "INT64", "scores": "FP32", "counts": "INT64"}


def parse(body: dict[str, Any]) -> list[Query]:
    """The queries of a request.

    Raises:
        RequestError: The request isn't in the form that docs/retrieval.md describes.
    """
    if unknown := sorted(set(body) - _FIELDS):
        raise RequestError(f"there is no field {unknown[0]!r}", fix=f"use {', '.join(sorted(_FIELDS))}")
    if not isinstance(body["inputs"], list) or not all(isinstance(tensor, dict) for tensor in body["inputs"]):
        raise RequestError("inputs is not a list of tensors", fix="see docs/retrieval.md")
    columns: dict[str, list[Any]] = {}
    for tensor in body["inputs"]:
        name = tensor.get("name")
        if not isinstance(name, str) or name not in INPUTS or name in columns:
            raise RequestError(f"input {name!r} is unknown, or given twice", fix=f"use {', '.join(INPUTS)}")
        columns[name] = _column(name, tensor)
    if "movie_ids" not in columns:
        raise RequestError("the input movie_ids is missing", fix="send it as INT64 of shape [queries, seeds]")
    if len({len(column) for column in columns.values()}) > 1:
        raise RequestError("the inputs have different first dimensions", fix="give every query a row in each input")
    rows = zip(*columns.values(), strict=True)
    instances = [
        {name: value for name, value in zip(columns, row, strict=True) if value not in ([], 0)} for row in rows
    ]
    return parse_instances(instances, "queries")


def _column(name: str, tensor: dict[str, Any]) -> list[Any]:
    """A tensor's rows; of a scalar per query, its values."""
    is_row, datatype = INPUTS[name]
    shape, values = tensor.get("shape", ()), tensor.get("data")
    dimensions = 2 if is_row else 1
    wanted = f"{datatype} of shape [queries{', values' if is_row else ''}], with `data` as a list"
    if not _is_shape(shape) or not isinstance(values, list) or tensor.get("datatype") != datatype:
        raise RequestError(f"input {name} is not {wanted}", fix="see docs/retrieval.md")
    if len(shape) == 2 and shape[1] == 1 and not is_row:
        shape = shape[:1]  # one value per query may come as a column
    values = _flat(values)
    if len(shape) != dimensions or prod(shape) != len(values) or shape[0] > MAX_INSTANCES:
        problem = f"input {name} has shape {shape} and {len(values)} values"
        raise RequestError(problem, fix=f"send {wanted}, at most {MAX_INSTANCES} queries")
    if not is_row:
        return values
    width = shape[1]
    filler = "" if datatype == "BYTES" else 0
    rows = [values[start * width : (start + 1) * width] for start in range(shape[0])]
    return [[value for value in row if value != filler] for row in rows]


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and all(type(size) is int and 0 <= size <= _MAX_VALUES for size in shape)


def _flat(values: list[Any]) -> list[Any]:
    # The protocol allows nested data as well.
    if any(isinstance(value, list) for value in values):
        return [inner for value in values for inner in (value if isinstance(value, list) else [value])]
    return values


def render(found: Sequence[Candidates], request_id: Any = None) -> dict[str, Any]:
    """The answer's body."""
    counts = [len(one.movie_ids) for one in found]
    shape = [len(found), max(counts)]
    movie_ids = np.zeros(shape, dtype=np.int64)
    scores = np.zeros(shape, dtype=np.float32)
    for row, one in enumerate(found):
        movie_ids[row, : counts[row]], scores[row, : counts[row]] = one.movie_ids, one.scores
    return {
        "model_name": MODEL_NAME,
        "model_version": found[0].model_version,
        **({"id": request_id} if isinstance(request_id, str) else {}),
        "outputs": [
            {"name": "movie_ids", "datatype": "INT64", "shape": shape, "data": movie_ids.ravel().tolist()},
            {"name": "scores", "datatype": "FP32", "shape": shape, "data": scores.ravel().tolist()},
            {"name": "counts", "datatype": "INT64", "shape": shape[:1], "data": counts},
        ],
    }


def ask(query: Query, model_version: str) -> dict[str, Any]:
    """A client's request."""
    tensors = []
    for name, value in to_fields(query).items():
        is_row, datatype = INPUTS[name]
        shape, data = ([1, len(value)], value) if is_row else ([1], [value])
        tensors.append({"name": name, "datatype": datatype, "shape": shape, "data": data})
    return {"inputs": tensors, "parameters": {"model_version": model_version}}


def read(body: dict[str, Any]) -> Candidates:
    """A client's reading of an answer to one query.

    Raises:
        KeyError, TypeError, ValueError: It isn't one.
    """
    outputs = {tensor["name"]: tensor["data"] for tensor in body["outputs"]}
    (count,) = outputs["counts"]
    return Candidates(
        np.array(outputs["movie_ids"][:count], dtype=np.int64),
        np.array(outputs["scores"][:count], dtype=np.float32),
        str(body["model_version"]),
    )
