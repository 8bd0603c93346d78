"""Paths under a prefix."""

import pytest

from marquee.api.root_path import public_prefix, without_root


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        *[("/films/v1/model", "/films", "/v1/model"), ("/v1/model", "/films", "/v1/model")],
        *[("/films/", "/films", "/"), ("/films", "/films", ""), ("/filmstock", "/films", "/filmstock")],
        *[("/films/x", "/films", "/films/x"), ("/v1/model", "", "/v1/model")],
        # A root path that looks like ours.
        *[("/v1/v1/model", "/v1", "/v1/model"), ("/v1/model", "/v1", "/v1/model")],
    ],
)
def test_the_path_below_the_root(path, root, below):
    assert without_root(path, root) == below


@pytest.mark.parametrize(
    ("forwarded", "prefix"),
    [
        *[("/films", "/films"), ("/films/", "/films"), ("", "/set"), ("/", "/set"), ("/a/b", "/a/b")],
        *[("//evil.example", "/set"), ("https://evil.example", "/set"), ('/"><script>', "/set"), ("/a, /b", "/set")],
        *[("/../x", "/set"), ("/a\n", "/a"), ("/a\\b", "/set")],
    ],
)
def test_a_forwarded_prefix_counts_where_it_is_plain(forwarded, prefix):
    assert public_prefix(forwarded, "/set") == prefix
