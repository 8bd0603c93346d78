"""Paths under a prefix, which a proxy or gateway either strips or passes on."""

import re

from marquee.settings import ROOT_PATH

# First parts of the paths that the API has. A root path may be one of them, such as /v1.
OWN = frozenset({"", "v0", "v1", "recommend", "docs", "ui", "openapi.json", "livez", "readyz"})


def without_root(path: str, root: str) -> str:
    """The path below `root`; as it is if the proxy has stripped the prefix. "" for the root path without a slash."""
    rest = path.removeprefix(root)
    if not root or rest in {path, ""}:
        return rest
    return rest if rest[0] == "/" and rest.split("/", 2)[1] in OWN else path


def public_prefix(forwarded: str, root: str) -> str:
    """The prefix that clients see: the header X-Forwarded-Prefix where it is a plain path, else `root`."""
    given = forwarded.strip().rstrip("/")
    return given if given and re.fullmatch(ROOT_PATH, given) else root
