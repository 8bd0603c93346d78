"""Wire format of retrieval: KServe's V1 and V2 protocols, for servers and clients. docs/retrieval.md has examples.

V1: {"instances": [...]} -> {"predictions": [...]},
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
V2 (Open Inference Protocol): the same queries and answers as tensors,
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
Its answers' tensors come as bytes behind the JSON if the request asks for that,
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol/binary-tensor-data-extension
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from marquee.api.conditions import Columns
from marquee.api.contracts import MAX_AVAILABLE, MAX_IDS, MAX_PEOPLE
from marquee.base_model import FrozenBaseModel
from marquee.errors import RequestError
from marquee.retrieval.port import Candidates, Query, Where

Protocol = Literal["v1", "v2"]
MODEL_NAME = "two_tower"
PATHS: dict[Protocol, str] = {"v1": f"/v1/models/{MODEL_NAME}:predict", "v2": f"/v2/models/{MODEL_NAME}/infer"}
MAX_BODY_BYTES = 1024 * 1024
MAX_QUERIES = 64
MAX_K = 1000
MAX_EXCLUDED = (4 * MAX_PEOPLE + 2) * MAX_IDS  # all that one request can name
_MAX_VALUES = 1_000_000

Id = Annotated[int, Field(strict=True, ge=1, le=2**53)]
Genres = Annotated[tuple[Annotated[str, Field(strict=True, min_length=1, max_length=50)], ...], Field(max_length=30)]
Year = Annotated[int, Field(strict=True, ge=1, le=9999)]


class Instance(FrozenBaseModel):
    """A query as JSON has it: the arguments of `marquee.retrieval.port.Retriever.candidates`, flat."""

    movie_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=2 * MAX_IDS)]
    k: Annotated[int, Field(strict=True, ge=1, le=MAX_K)] = 200
    genres_any: Genres = ()
    genres_none: Genres = ()
    year_min: Year | None = None
    year_max: Year | None = None
    exclude_movie_ids: Annotated[tuple[Id, ...], Field(max_length=MAX_EXCLUDED)] = ()
    only_movie_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=2 * MAX_AVAILABLE)] | None = None
    columns: Columns = {}


# V2's inputs: name -> whether a query has a row of values (and not one value), and their type.
INPUTS: dict[str, tuple[bool, str]] = {
    "movie_ids": (True, "INT64"),
    "k": (False, "INT64"),
    "genres_any": (True, "BYTES"),
    "genres_none": (True, "BYTES"),
    "year_min": (False, "INT64"),
    "year_max": (False, "INT64"),
    "exclude_movie_ids": (True, "INT64"),
    "only_movie_ids": (True, "INT64"),
    "columns": (False, "BYTES"),  # JSON
}
OUTPUTS = {"movie_ids": "INT64", "scores": "FP32", "counts": "INT64"}
JSON_LENGTH = "Inference-Header-Content-Length"  # header: bytes of JSON before the tensors' bytes
_DTYPES = {"INT64": "<i8", "FP32": "<f4"}


@dataclass(frozen=True)
class Reply:
    """An HTTP status, a body that is not yet JSON text, and the bytes of tensors that follow it."""

    status: int
    body: dict[str, Any]
    tensors: tuple[bytes, ...] = ()

    def encode(self) -> tuple[bytes, dict[str, str]]:
        """Content and headers of the answer."""
        text = json.dumps(self.body, separators=(",", ":")).encode()
        if not self.tensors:
            return text, {"Content-Type": "application/json"}
        headers = {"Content-Type": "application/octet-stream", JSON_LENGTH: str(len(text))}
        return b"".join((text, *self.tensors)), headers

    def text(self) -> bytes:
        """The content alone."""
        return self.encode()[0]


Render = Callable[[Sequence[Candidates]], Reply]


def parse_request(body: bytes | dict[str, Any], *, as_bytes: bool = True) -> tuple[list[Query], str, Render]:
    """Parse a request's JSON, or a dict of it; its field `instances` or `inputs` determines the protocol.

    Returns the queries, at least one; the bundle's version that the client uses, or ""; and a function that renders the
    answer in the same protocol, given one entry per query, all of one bundle. Tensors are bytes if the request asks for
    them and `as_bytes` allows it.

    Raises:
        RequestError: It is not a request as docs/retrieval.md describes it.
    """
    if not isinstance(body, dict):
        if len(body) > MAX_BODY_BYTES:
            raise RequestError(f"the body has {len(body)} bytes", fix=f"send at most {MAX_BODY_BYTES}")
        try:
            body = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RequestError(f"the body is not JSON: {error}", fix="send JSON in UTF-8") from None
    if not isinstance(body, dict) or ("instances" in body) == ("inputs" in body):
        raise RequestError("the body has neither instances (V1) nor inputs (V2), or both", fix="see docs/retrieval.md")
    if "instances" in body:
        _allow_fields(body, {"instances", "model_version"})
        if not isinstance(body["instances"], list):
            raise RequestError("instances is not a list", fix='send {"instances": [{"movie_ids": [1, 2], "k": 200}]}')
        return _queries(body["instances"], "instances"), _version(body), render_v1
    parameters = body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise RequestError("parameters is not an object", fix='send {"model_version": "..."} or nothing')
    _allow_fields(body, {"id", "inputs", "outputs", "parameters"})
    binary = as_bytes and parameters.get("binary_data_output") is True
    render = partial(render_v2, request_id=body.get("id"), binary=binary)
    return _parse_tensors(body["inputs"]), _version(parameters), render


def _allow_fields(body: dict[str, Any], names: set[str]) -> None:
    if unknown := sorted(set(body) - names):
        raise RequestError(f"there is no field {unknown[0]!r}", fix=f"use {', '.join(sorted(names))}")


def _version(fields: dict[str, Any]) -> str:
    version = fields.get("model_version", "")
    if not isinstance(version, str):
        raise RequestError("model_version is not a string", fix="leave it out, or name a bundle's version")
    return version


def _queries(instances: list[Any], name: str) -> list[Query]:
    if not 1 <= len(instances) <= MAX_QUERIES:
        raise RequestError(f"{len(instances)} {name}", fix=f"send 1 to {MAX_QUERIES}")
    queries = []
    for index, instance in enumerate(instances):
        try:
            valid = Instance.model_validate(instance)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in (f"{name}[{index}]", *first["loc"]))
            raise RequestError(f"{place}: {first['msg']}", fix="see docs/retrieval.md") from None
        fields = dict(valid)
        queries.append(Query(fields.pop("movie_ids"), fields.pop("k"), Where(**fields)))
    return queries


def _parse_tensors(tensors: Any) -> list[Query]:
    if not isinstance(tensors, list) or not all(isinstance(tensor, dict) for tensor in tensors):
        raise RequestError("inputs is not a list of tensors", fix="see docs/retrieval.md")
    columns: dict[str, list[Any]] = {}
    for tensor in tensors:
        name = tensor.get("name")
        if not isinstance(name, str) or name not in INPUTS or name in columns:
            raise RequestError(f"input {name!r} is unknown, or given twice", fix=f"use {', '.join(INPUTS)}")
        columns[name] = _column(name, tensor)
    if "movie_ids" not in columns:
        raise RequestError("the input movie_ids is missing", fix="send it as INT64 of shape [queries, seeds]")
    if len({len(column) for column in columns.values()}) > 1:
        raise RequestError("the inputs have different first dimensions", fix="give every query a row in each input")
    # Queries have different lengths and tensors haven't, so what filled up a row stands for "not given".
    rows = zip(*columns.values(), strict=True)
    instances = [
        {name: value for name, value in zip(columns, row, strict=True) if value not in ([], 0, {})} for row in rows
    ]
    return _queries(instances, "queries")


def _column(name: str, tensor: dict[str, Any]) -> list[Any]:
    """A tensor's rows without what fills them up; of a scalar per query, its values."""
    is_row, datatype = INPUTS[name]
    shape, values = tensor.get("shape", ()), tensor.get("data")
    wanted = f"{datatype} of shape [queries{', values' if is_row else ''}], with `data` as a list"
    sizes_valid = isinstance(shape, list) and all(type(size) is int and 0 <= size <= _MAX_VALUES for size in shape)
    if not sizes_valid or not isinstance(values, list) or tensor.get("datatype") != datatype:
        raise RequestError(f"input {name} is not {wanted}", fix="see docs/retrieval.md")
    if len(shape) == 2 and shape[1] == 1 and not is_row:
        shape = shape[:1]  # one value per query may come as a column
    if any(isinstance(value, list) for value in values):  # the protocol allows nested data as well
        values = [inner for value in values for inner in (value if isinstance(value, list) else [value])]
    if len(shape) != 1 + is_row or prod(shape) != len(values) or shape[0] > MAX_QUERIES:
        problem = f"input {name} has shape {shape} and {len(values)} values"
        raise RequestError(problem, fix=f"send {wanted}, at most {MAX_QUERIES} queries")
    if name == "columns":
        return [_conditions(value) for value in values]
    if not is_row:
        return values
    width = shape[1]
    filler = "" if datatype == "BYTES" else 0
    rows = [values[start * width : (start + 1) * width] for start in range(shape[0])]
    return [[value for value in row if value != filler] for row in rows]


def _conditions(text: Any) -> Any:
    try:
        columns = json.loads(text or "{}")
    except (TypeError, ValueError, RecursionError):
        columns = None
    if not isinstance(columns, dict):
        raise RequestError("input columns is not JSON objects", fix='send \'{"price": {"max": 10}}\', or "" for none')
    return columns


def render_v1(found: Sequence[Candidates]) -> Reply:
    """A server's answer in V1."""
    predictions = [{"movie_ids": one.movie_ids.tolist(), "scores": one.scores.tolist()} for one in found]
    return Reply(200, {"predictions": predictions, "model_version": found[0].model_version})


def render_v2(found: Sequence[Candidates], request_id: Any = None, *, binary: bool = False) -> Reply:
    """A server's answer in V2: rows are filled up with 0, and `counts` says how many candidates each has."""
    counts = np.array([len(one.movie_ids) for one in found], dtype=np.int64)
    movie_ids = np.zeros((len(found), int(counts.max())), dtype=np.int64)
    scores = np.zeros(movie_ids.shape, dtype=np.float32)
    for row, one in enumerate(found):
        movie_ids[row, : counts[row]], scores[row, : counts[row]] = one.movie_ids, one.scores
    arrays: dict[str, NDArray[Any]] = {"movie_ids": movie_ids, "scores": scores, "counts": counts}
    outputs: list[dict[str, Any]] = []
    tensors = []
    for name, array in arrays.items():
        datatype = OUTPUTS[name]
        outputs.append({"name": name, "datatype": datatype, "shape": list(array.shape)})
        if binary:
            tensors.append(array.astype(_DTYPES[datatype], copy=False).tobytes())
            outputs[-1]["parameters"] = {"binary_data_size": array.nbytes}
        else:
            outputs[-1]["data"] = array.ravel().tolist()
    body = {"model_name": MODEL_NAME, "model_version": found[0].model_version, "outputs": outputs}
    return Reply(200, body | ({"id": request_id} if isinstance(request_id, str) else {}), tuple(tensors))


def ask(query: Query, protocol: Protocol, model_version: str) -> bytes:
    """A client's request; fields that have their defaults are left out. V2 asks for the answer's tensors as bytes."""
    where = vars(query.where) | {"columns": {name: one.model_dump() for name, one in query.where.columns.items()}}
    given = {name: value for name, value in where.items() if value not in ((), [], None, {})}
    fields: dict[str, Any] = {"movie_ids": query.seed_movie_ids, "k": query.k, **given}
    body: dict[str, Any] = {"instances": [fields], "model_version": model_version}
    if protocol == "v2":
        tensors = []
        for name, value in fields.items():
            is_row, datatype = INPUTS[name]
            shape, data = ([1, len(value)], value) if is_row else ([1], [value])
            if name == "columns":
                data = [json.dumps(value)]
            tensors.append({"name": name, "datatype": datatype, "shape": shape, "data": data})
        body = {"inputs": tensors, "parameters": {"model_version": model_version, "binary_data_output": True}}
    return json.dumps(body, separators=(",", ":")).encode()


def read_answer(body: bytes, protocol: Protocol, k: int, json_length: str | None = None) -> Candidates:
    """Parse an answer to one query, which a client doesn't trust; a ValueError if it isn't one, or can't be true.

    `json_length` is its header `JSON_LENGTH`, which servers that know no tensors as bytes don't send.
    """
    try:
        answer = json.loads(body if json_length is None else body[: int(json_length)])
        if protocol == "v1":
            (values,) = answer["predictions"]
            count = None
        else:
            values = _tensors(answer["outputs"], b"" if json_length is None else body[int(json_length) :])
            (count,) = values["counts"]
        ids = np.array(values["movie_ids"][:count], dtype=np.int64)
        scores = np.array(values["scores"][:count], dtype=np.float32)
        version = str(answer["model_version"])
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if ids.ndim != 1 or ids.shape != scores.shape or len(ids) > k:
        raise ValueError(f"{ids.shape} ids and {scores.shape} scores for k = {k}")
    if len(set(ids.tolist())) < len(ids) or not np.isfinite(scores).all():
        raise ValueError("an id comes twice, or a score is not a number")
    return Candidates(ids, scores, version)


def _tensors(outputs: list[dict[str, Any]], raw: bytes) -> dict[str, Any]:
    """The values of each tensor, out of the JSON or of the bytes behind it."""
    values = {}
    for tensor in outputs:
        if "data" in tensor:
            values[tensor["name"]] = tensor["data"]
        else:
            size = tensor["parameters"]["binary_data_size"]
            values[tensor["name"]] = np.frombuffer(raw[:size], _DTYPES[tensor["datatype"]])
            raw = raw[size:]
    return values
