"""Request bodies: parsed strictly, with validation messages that name the field, the error and what is allowed."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from marquee.api.contracts import RecommendationRequest
from marquee.api.problems import ProblemError
from marquee.base_model import json_schema

EXAMPLE = '{"tmdb_ids": [1585, 4935, 597], "top_n": 5}'
JSON = re.compile(r"application/(.+\+)?json")
UTF8_MARK = b"\xef\xbb\xbf"  # written by PowerShell and Windows editors
# How bodies begin that are JSON, but not as it is sent.
ENCODED = {b"\x1f\x8b": "compressed", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
MAX_ERRORS = 20
_EXPECTED = {
    "integer": "a whole number from {minimum} to {maximum}",
    "number": "a number from {minimum:g} to {maximum:g}",
    "boolean": "true or false",
    "string": "text of {minLength} to {maxLength} characters",
    "array": "a list of at most {maxItems}",
}

Schema = Mapping[str, Any]


def parse_request(content_type: str, body: bytes) -> RecommendationRequest:
    """Parse a body strictly, without conversions, given the header Content-Type, "" where there is none.

    Raises `ProblemError`: 415 if it is declared as something else, compressed or not UTF-8, 400 if it is not JSON, 422
    for invalid fields.
    """
    media_type = content_type.split(";", maxsplit=1)[0].strip().lower()
    if not JSON.fullmatch(media_type):
        declared = media_type[:60] or "of no declared type"
        raise ProblemError(415, f"the body is {declared}: send the header Content-Type: application/json")
    body = body.removeprefix(UTF8_MARK)
    if found := ENCODED.get(body[:2]):
        raise ProblemError(415, f"the body is {found}: send it as UTF-8, without Content-Encoding")
    if not body.strip():
        raise ProblemError(400, f"the body is empty: send a JSON object such as {EXAMPLE}")
    try:
        return RecommendationRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    if errors[0]["type"] == "json_invalid":
        why = str(errors[0]["ctx"]["error"])
        raise ProblemError(400, f"the body is not JSON ({why}): send an object such as {EXAMPLE}")
    messages = validation_messages(errors, json_schema(RecommendationRequest))
    raise ProblemError(422, summary(messages), errors=messages)


def validation_messages(errors: Sequence[Mapping[str, Any]], schema: Schema) -> list[dict[str, str]]:
    """`field` and `message` of up to `MAX_ERRORS` pydantic errors in the JSON schema, and an entry for the rest."""
    messages = [{"field": _path(error["loc"]), "message": _message(error, schema)} for error in errors[:MAX_ERRORS]]
    if rest := len(errors) - len(messages):
        messages.append({"field": "...", "message": f"and {rest} more of the kind"})
    return messages


def summary(messages: Sequence[Mapping[str, str]]) -> str:
    """The first three messages in one sentence, and how many there are beside them."""
    shown = "; ".join(f"{entry['field']}: {entry['message']}" for entry in messages[:3])
    return shown + (f"; and {len(messages) - 3} more, see errors" if len(messages) > 3 else "")


def _path(loc: Sequence[str | int]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{_shorten(part)}"
    return path.removeprefix(".") or "body"


def _message(error: Mapping[str, Any], schema: Schema) -> str:
    kind, loc = error["type"], error["loc"]
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "extra_forbidden":
        fields = list(_at(schema, loc[:-1]).get("properties", {}))
        close = difflib.get_close_matches(str(loc[-1]), fields, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"there is no such field; {hint}the fields are {', '.join(fields)}"
    expected = _describe(_at(schema, loc))
    if kind == "missing":
        return f"is missing; give {expected}"
    if kind == "too_short":
        return "is empty: give at least one entry, or leave it out"
    if kind == "too_long":
        return f"has {error['ctx']['actual_length']} entries; give {expected}"
    return f"must be {expected}, not {_show(error.get('input'))}"


def _at(schema: Schema, loc: Sequence[str | int]) -> Schema:
    node = schema
    for part in loc:
        named = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
        node = node.get("items", {}) if isinstance(part, int) else named
        node = _first_choice(node)
        if reference := node.get("$ref"):
            node = _first_choice(schema.get("$defs", {}).get(reference.rsplit("/", 1)[-1], {}))
    return node


def _first_choice(node: Schema) -> Schema:
    """Of `X | None`, which is anyOf [X, null], X; of a condition the object, not its short forms."""
    if "properties" in node:  # whose anyOf says what is required
        return node
    return next((choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"), node)


def _describe(node: Schema) -> str:
    if node.get("type") == "object":
        example = node.get("examples", [None])[0]
        fields = ", ".join(node.get("properties", ()))
        return f"an object such as {json.dumps(example)}" if example else f"an object with any of {fields}"
    words = _EXPECTED.get(node.get("type", ""), "something else")
    return words.format_map({"minLength": 0, "maxLength": None, "maxItems": None, **node})


def _show(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    try:
        return _shorten(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError):  # an int of thousands of digits has no text
        return "this"


def _shorten(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
