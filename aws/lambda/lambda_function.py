"""AWS Lambda's way in: `lambda_function.lambda_handler`. What is at module scope runs once per environment, at INIT."""

import os
from typing import Any

# One request at a time: OpenBLAS's threads would only compete. It reads this when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from marquee_lambda.app import make_app

app = make_app()


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer an event of an HTTP API (2.0), of a REST API (1.0), or a bare `{"tmdb_ids": [...], "top_n": 5}`.

    Args:
        event: As Lambda hands it over.
        context: Of the invocation; only its remaining time and its request id are used.

    Returns:
        For the first two a response with `statusCode`, `headers` and `body`; for a bare event the answer itself, or the
        problem. It never raises.
    """
    return app.answer(event, context)
