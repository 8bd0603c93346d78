"""Client of themoviedb.org's API (developer.themoviedb.org) for posters, bounded in time and size.

The key is part of an address or a header, so errors and log lines contain neither.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import urllib3
from pydantic_core import from_json
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as TimedOut

from marquee.errors import ConfigError, Unavailable
from marquee.retrieval.remote import read_whole

MAX_BYTES = 512 * 1024
WIDTH = "w342"  # pixels; the page shows posters at half of that, on screens with two pixels per point
SIGNATURES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
POSTER_PATH = re.compile(r"/[\w-]{1,80}\.(jpe?g|png|webp)", re.ASCII)


class Poster(NamedTuple):
    """A picture; its media type is image/jpeg, image/png or image/webp."""

    content: bytes
    media_type: str


class TmdbUnavailable(Unavailable):
    """TMDB gave no usable answer; `message` never contains an address."""


class Tmdb:
    """Client of the API at `url` and of the pictures at `image_url`, with pooled connections to each. Thread-safe.

    The key is a v3 key or a v4 read access token; a malformed one raises `ConfigError`.
    """

    def __init__(self, key: str, *, url: str, image_url: str, connections: int = 4) -> None:
        if not re.fullmatch(r"[\w.-]+", key, re.ASCII):
            fix = "set it to the API key, or the read access token, of your TMDB account's settings"
            raise ConfigError("MARQUEE_TMDB_KEY is malformed: it has characters that no key has", fix=fix)
        is_token = "." in key
        self._headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if is_token else {})}
        self._query = "" if is_token else f"?api_key={key}"
        self._url = url
        self._image_url = image_url
        self._pool = urllib3.PoolManager(maxsize=connections, retries=False)

    def poster(self, tmdb_id: int, ends: float) -> Poster | None:
        """A film's poster before `ends` of `time.monotonic`; None if TMDB has none.

        Raises `TmdbUnavailable`: `timeout`, `error`, `key_refused`, `too_large` or `bad_answer`.
        """
        film = self._get(f"{self._url}/3/movie/{tmdb_id}{self._query}", ends, self._headers)
        path = film and _poster_path(film[0])
        if not path:
            return None
        # No key here: pictures are public, and may come from another host.
        picture = self._get(f"{self._image_url}/t/p/{WIDTH}{path}", ends, {"Accept-Encoding": "identity"})
        return None if picture is None else _checked(*picture)

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def _get(self, address: str, ends: float, headers: dict[str, str]) -> tuple[bytes, str] | None:
        """The body and its declared type; None if there is nothing at the address."""
        left = ends - time.monotonic()
        if left <= 0:
            raise TmdbUnavailable("timeout", "no time left")
        options: dict[str, Any] = {"timeout": left, "redirect": False, "preload_content": False}
        try:
            response = self._pool.request("GET", address, headers=headers, **options)
            with _pooled(response):
                content = read_whole(
                    response.read1, ends, limit=MAX_BYTES, unavailable=TmdbUnavailable, too_large="too_large"
                )
        except NewConnectionError:  # which urllib3 takes for a timeout
            raise TmdbUnavailable("error", "no connection") from None
        except TimedOut as error:
            raise TmdbUnavailable("timeout", type(error).__name__) from None
        except HTTPError as error:
            raise TmdbUnavailable("error", type(error).__name__) from None
        if response.status == 404:
            return None
        if response.status in {401, 403}:
            raise TmdbUnavailable("key_refused", f"HTTP {response.status}: is MARQUEE_TMDB_KEY right?")
        if response.status != 200:
            raise TmdbUnavailable("error", f"HTTP {response.status}")
        return content, response.headers.get("content-type", "")


def _poster_path(content: bytes) -> str | None:
    try:
        film = from_json(content)
    except ValueError:
        raise TmdbUnavailable("bad_answer", "no JSON") from None
    path = film.get("poster_path") if isinstance(film, dict) else None
    if path is None:
        return None
    # It becomes part of an address: nothing but a file's name may be in it.
    if not isinstance(path, str) or not POSTER_PATH.fullmatch(path):
        raise TmdbUnavailable("bad_answer", "poster_path is no file's name")
    return path


def _checked(content: bytes, declared: str) -> Poster:
    """The picture, if it is of the declared type: browsers trust the type that we send."""
    media_type = declared.split(";", maxsplit=1)[0].strip().lower()
    if media_type not in SIGNATURES or not SIGNATURES[media_type].match(content):
        raise TmdbUnavailable("bad_answer", f"{declared[:40]!r} is no JPEG, PNG or WebP")
    return Poster(content, media_type)


@contextmanager
def _pooled(response: Any) -> Iterator[None]:
    """Return an urllib3 response's connection to the pool at the end; close it if reading fails."""
    try:
        yield
    except BaseException:
        response.close()
        raise
    response.release_conn()
