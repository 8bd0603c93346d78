"""AWS Lambda's entry point: `lambda_function.lambda_handler`. Module scope runs once per environment, at INIT."""

import os
from typing import Any

# One request at a time: OpenBLAS's threads would only compete. It reads this when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from marquee_lambda.app import make_app

app = make_app()


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer an event of API Gateway, a function URL or a load balancer, or a bare `{"tmdb_ids": [...], "top_n": 5}`.

    Args:
        event: As Lambda passes it.
        context: Of the invocation; only its remaining time is used.

    Returns:
        For a gateway a response in its format; for a bare event the answer itself, or the problem. It never raises.
    """
    return app.answer(event, context)
