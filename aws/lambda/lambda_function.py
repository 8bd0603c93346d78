"""AWS Lambda's entry point: `lambda_function.lambda_handler`. Module scope runs once per environment, at INIT."""

import os
from typing import Any

# One request at a time: OpenBLAS's threads would only compete. It reads this when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from marquee.settings import load_settings
from marquee_lambda.app import App

app = App(load_settings())  # a ConfigError fails INIT


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer an event of API Gateway, a function URL or a load balancer, or a bare `{"tmdb_ids": [...], "top_n": 5}`.

    Gateways get a response in their format, a bare request the answer or problem itself. Never raises.
    """
    return app.answer(event, context)
