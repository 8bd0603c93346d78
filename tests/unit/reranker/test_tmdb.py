"""Asking TMDB: over real HTTP, what is taken, what is refused, and where the key goes."""

import time

import pytest

from marquee.errors import ConfigError
from marquee_reranker.posters.tmdb import MAX_BYTES, Poster, Tmdb, TmdbUnavailable
from tests.unit.reranker.tmdb_server import JPEG, PNG, WEBP, TmdbServer

KEY = "0123456789abcdef0123456789abcdef"
LONG_KEY = "aaaa.bbbb-1.cccc_2"  # a v4 read access token has three parts


@pytest.fixture
def server():
    server = TmdbServer()
    yield server
    server.close()


@pytest.fixture
def tmdb(server):
    client = Tmdb(KEY, url=server.url, image_url=server.url)
    yield client
    client.close()


def ask(tmdb, tmdb_id=5, seconds=5.0):
    return tmdb.poster(tmdb_id, time.monotonic() + seconds)


def test_a_poster(tmdb, server):
    assert ask(tmdb) == Poster(JPEG, "image/jpeg")
    assert server.asked == [f"/3/movie/5?api_key={KEY}", "/t/p/w342/film-5.jpg"]


@pytest.mark.parametrize("key", [KEY, LONG_KEY])
def test_the_key_goes_to_the_api_only(server, key):
    client = Tmdb(key, url=server.url, image_url=server.url)
    ask(client)
    sent = [(path, headers.get("Authorization")) for path, headers in zip(server.asked, server.headers, strict=True)]
    assert sent[1] == ("/t/p/w342/film-5.jpg", None)
    assert sent[0] == (("/3/movie/5", f"Bearer {LONG_KEY}") if key == LONG_KEY else (f"/3/movie/5?api_key={KEY}", None))


@pytest.mark.parametrize(
    ("media_type", "content"), [("image/jpeg", JPEG), ("image/png", PNG), ("image/webp; x=1", WEBP)]
)
def test_three_kinds_of_picture(tmdb, server, media_type, content):
    server.pictures["film-5.jpg"] = (200, media_type, content)
    assert ask(tmdb) == Poster(content, media_type.split(";", maxsplit=1)[0])


@pytest.mark.parametrize("answer", [(404, {"status_code": 34}), (200, {"poster_path": None}), (200, {"id": 5})])
def test_films_without_a_poster(tmdb, server, answer):
    server.films[5] = answer
    assert ask(tmdb) is None
    assert len(server.asked) == 1


def test_a_picture_that_is_gone(tmdb, server):
    server.pictures["film-5.jpg"] = (404, "text/html", b"gone")
    assert ask(tmdb) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, {"status_message": "Invalid API key"}), "key_refused"),
        ((429, {}), "error"),
        ((500, {}), "error"),
        ((302, {}), "error"),
        ((200, b"<html>"), "bad_answer"),
        ((200, {"poster_path": "/../3/account.jpg"}), "bad_answer"),
        ((200, {"poster_path": "//evil.example/x.jpg"}), "bad_answer"),
        ((200, {"poster_path": "/x.jpg?y=1"}), "bad_answer"),
        ((200, {"poster_path": "/x.svg"}), "bad_answer"),
        ((200, {"poster_path": 7}), "bad_answer"),
        ((200, b" " * (MAX_BYTES + 1)), "too_large"),
    ],
)
def test_answers_about_a_film_that_are_none(tmdb, server, answer, reason):
    server.films[5] = answer
    with pytest.raises(TmdbUnavailable) as raised:
        ask(tmdb)
    assert raised.value.reason == reason
    assert KEY not in str(raised.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        ((200, "image/svg+xml", b"<svg onload='alert(1)'/>"), "bad_answer"),
        ((200, "text/html", JPEG), "bad_answer"),
        ((200, "image/jpeg", b"<script>alert(1)</script>"), "bad_answer"),
        ((200, "image/png", JPEG), "bad_answer"),
        ((200, "image/jpeg", JPEG + bytes(MAX_BYTES)), "too_large"),
        ((302, "image/jpeg", b""), "error"),
        ((503, "text/plain", b"busy"), "error"),
    ],
)
def test_pictures_that_are_none(tmdb, server, picture, reason):
    server.pictures["film-5.jpg"] = picture
    with pytest.raises(TmdbUnavailable) as raised:
        ask(tmdb)
    assert raised.value.reason == reason


def test_the_largest_picture(tmdb, server):
    content = JPEG + bytes(MAX_BYTES - len(JPEG))
    server.pictures["film-5.jpg"] = (200, "image/jpeg", content)
    assert ask(tmdb).content == content


def test_too_late(tmdb, server):
    server.delay = 0.5
    with pytest.raises(TmdbUnavailable) as raised:
        ask(tmdb, seconds=0.1)
    assert raised.value.reason == "timeout"
    with pytest.raises(TmdbUnavailable):
        ask(tmdb, seconds=-1)


def test_an_answer_that_drips_ends_in_time(tmdb, server):
    server.drip = 0.05
    server.pictures["film-5.jpg"] = (200, "image/jpeg", JPEG * 20)
    with pytest.raises(TmdbUnavailable) as raised:
        ask(tmdb, seconds=0.4)
    assert raised.value.reason == "timeout"


def test_nobody_is_there(server):
    client = Tmdb(KEY, url="http://127.0.0.1:1", image_url=server.url)
    with pytest.raises(TmdbUnavailable) as raised:
        ask(client)
    assert (raised.value.reason, KEY in str(raised.value)) == ("error", False)


@pytest.mark.parametrize("key", ["two words", "with\nnewline", "with/slash", "à"])
def test_what_can_be_no_key_is_refused_and_not_told(key):
    with pytest.raises(ConfigError, match="MARQUEE_TMDB_KEY") as raised:
        Tmdb(key, url="http://127.0.0.1:1", image_url="http://127.0.0.1:1")
    assert key not in str(raised.value)
