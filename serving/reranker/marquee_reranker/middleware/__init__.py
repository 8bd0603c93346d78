"""ASGI middleware: request logs, admission, body limits."""
