"""Validation errors in words: which field, what is wrong with it, and what would be right.

Needs nothing but the standard library, so that any runtime can say the same.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

MAX_ERRORS = 20

Schema = Mapping[str, Any]


def in_words(errors: Sequence[Mapping[str, Any]], schema: Schema) -> list[dict[str, str]]:
    """`field` and `message` for each error.

    Args:
        errors: From `ValidationError.errors()`; their locations begin at the schema's root.
        schema: JSON schema of what was validated.

    Returns:
        At most `MAX_ERRORS` entries and one that counts the rest: a long list of wrong ids needs no long answer.
    """
    told = [{"field": _path(error["loc"]), "message": _message(error, schema)} for error in errors[:MAX_ERRORS]]
    if rest := len(errors) - len(told):
        told.append({"field": "...", "message": f"and {rest} more of the kind"})
    return told


def summary(told: Sequence[Mapping[str, str]]) -> str:
    """One sentence for the problem's `detail`."""
    shown = "; ".join(f"{entry['field']}: {entry['message']}" for entry in told[:3])
    return shown + (f"; and {len(told) - 3} more, see errors" if len(told) > 3 else "")


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
    expected = _describe(_at(schema, loc), schema)
    if kind == "missing":
        return f"is missing; give {expected}"
    if kind == "too_long":
        return f"has {error['ctx']['actual_length']} entries; give {expected}"
    return f"must be {expected}, not {_show(error.get('input'))}"


def _at(schema: Schema, loc: Sequence[str | int]) -> Schema:
    node = schema
    for part in loc:
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
        # `X | None` is anyOf [X, null]; the null is left out of the words.
        node = next((choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"), node)
        if reference := node.get("$ref"):
            node = schema.get("$defs", {}).get(reference.rsplit("/", 1)[-1], {})
    return node


def _describe(node: Schema, schema: Schema) -> str:
    words = "something else"
    match node.get("type"):
        case "integer":
            words = f"a whole number from {node['minimum']} to {node['maximum']}"
        case "number":
            words = f"a number from {node['minimum']:g} to {node['maximum']:g}"
        case "boolean":
            words = "true or false"
        case "string":
            words = f"text of {node.get('minLength', 0)} to {node.get('maxLength')} characters"
        case "array":
            words = f"a list of at most {node.get('maxItems')}"
        case "object":
            example = schema.get("examples", [None])[0] if node is schema else None
            fields = ", ".join(node["properties"])
            words = f"an object such as {json.dumps(example)}" if example else f"an object with any of {fields}"
    return words


def _show(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
    try:
        return _shorten(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError):  # an int of thousands of digits has no text
        return "this"


def _shorten(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
