"""Prints the OpenAPI document: `python -m marquee_reranker.document > docs/openapi.json`."""

import json
import sys

from marquee.settings import Settings
from marquee_reranker.app import create_app


def text() -> str:
    """The document, as docs/openapi.json has it."""
    return json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
