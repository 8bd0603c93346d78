"""Logging: one JSON object per line, or colours on a terminal; our own lines and the libraries' alike."""

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor


def configure(log_format: Literal["auto", "json", "console"] = "auto", stream: TextIO | None = None) -> bool:
    """Send every log line of the process to one stream in one form.

    Args:
        log_format: `auto` is console on a terminal and JSON elsewhere.
        stream: Standard output if left out.

    Returns:
        Whether it is JSON.
    """
    stream = stream or sys.stdout
    as_json = log_format == "json" or (log_format == "auto" and not stream.isatty())
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # uvicorn tells of its start and stop, which we do ourselves, with the address that it was really given.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return as_json
