"""Bodies in and replies out for ASGI applications of `marquee.retrieval.service`, without a framework between."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from marquee.retrieval.wire import MAX_BODY_BYTES, Reply

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
TOO_LONG = Reply(413, {"error": f"the body is longer than {MAX_BODY_BYTES} bytes; send fewer instances"})


async def read_body(receive: Receive) -> bytes | None:
    """The body, or its beginning if it has more than MAX_BODY_BYTES; None if the client has gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY_BYTES or not message.get("more_body", False):
            return body


async def send_reply(send: Send, reply: Reply, *, with_content: bool = True) -> None:
    """Send an answer; without content if it only says that all is well."""
    content, headers = reply.encode()
    content = content if with_content else b""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    raw.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": content})
