"""Request bodies, read strictly and in one place: FastAPI and Lambda refuse the same ones in the same words."""

import re

from pydantic import ValidationError

from marquee.api.contracts import RecommendationRequest
from marquee.api.problems import ProblemError
from marquee.api.wording import in_words, summary

EXAMPLE = '{"tmdb_ids": [1585, 4935, 597], "top_n": 5}'
JSON = re.compile(r"application/(.+\+)?json")
SCHEMA = RecommendationRequest.model_json_schema()


def want_json(content_type: str) -> None:
    """Check what a body is declared to be.

    Args:
        content_type: The header's value; "" where there is none.

    Raises:
        ProblemError: 415.
    """
    media_type = content_type.split(";", maxsplit=1)[0].strip().lower()
    if not JSON.fullmatch(media_type):
        declared = media_type[:60] or "of no declared type"
        raise ProblemError(415, f"the body is {declared}: send the header Content-Type: application/json")


def read_request(body: bytes) -> RecommendationRequest:
    """The parsed body. Strict, since "0.5" for a number is a bug of the caller that should not stay hidden.

    Raises:
        ProblemError: 400 for what is no JSON, 422 for what is no request.
    """
    if not body.strip():
        raise ProblemError(400, f"the body is empty: send a JSON object such as {EXAMPLE}")
    try:
        return RecommendationRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    if errors[0]["type"] == "json_invalid":
        why = str(errors[0]["ctx"]["error"])
        raise ProblemError(400, f"the body is not JSON ({why}): send an object such as {EXAMPLE}")
    told = in_words(errors, SCHEMA)
    raise ProblemError(422, summary(told), errors=told)
