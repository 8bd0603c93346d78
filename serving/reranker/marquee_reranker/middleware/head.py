"""HEAD wherever there is GET, as RFC 9110 (9.1) asks of every server: the same headers, and no body."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Head:
    """Answers HEAD as GET; that no body follows is the server's doing (uvicorn sends none to HEAD).

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)
