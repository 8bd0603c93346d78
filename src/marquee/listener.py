"""Listening sockets of servers, on IPv4 and IPv6 alike, with errors that name the setting."""

import errno
import socket

from marquee.errors import MarqueeError

BACKLOG = 2048


def url_host(host: str) -> str:
    """The host as part of a URL: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; `::` listens on IPv4, too. Raises `MarqueeError` if that is impossible, with the fix."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)  # of a name, IPv4 first
        # Named TCP, unlike in socket.create_server: asyncio sets TCP_NODELAY only on sockets that say so, and
        # without it each answer on a kept-alive connection waits 40 ms for the client's delayed ACK.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise port_error(error, host, port, "MARQUEE_PORT (or --port)") from None
    return listener


def port_error(error: OSError, host: str, port: int, setting: str) -> MarqueeError:
    """Why a server can't listen there, and the fix."""
    fix = f"set {setting} to a free port, or stop what listens there (ss -ltnp 'sport = :{port}')"
    if error.errno == errno.EADDRINUSE:
        return MarqueeError(f"port {port} of {host} is in use", fix=fix)
    if error.errno == errno.EACCES:
        return MarqueeError(f"port {port} is not allowed to this user", fix=f"set {setting} to 1024 or more")
    fix = "set MARQUEE_HOST to an address of this machine, such as 127.0.0.1, ::1, 0.0.0.0 or ::"
    return MarqueeError(f"can't listen on {host}: {error.strerror}", fix=fix)
