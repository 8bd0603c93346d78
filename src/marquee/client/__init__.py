"""A client of the API, typed by its contracts. Needs the extra `client`: `pip install 'marquee[client]'`."""

from marquee.client.blocking import Client
from marquee.client.errors import ApiError, ServerUnavailable, Unreachable
from marquee.client.waiting import AsyncClient

__all__ = ["ApiError", "AsyncClient", "Client", "ServerUnavailable", "Unreachable"]
