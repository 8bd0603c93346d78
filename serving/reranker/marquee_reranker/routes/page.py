"""Routes of the web page and the API's reference: static files, under a Content-Security-Policy of `self`."""

import json
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from marquee.api.root_path import public_prefix
from marquee.errors import BundleError
from marquee.page_data import page_data
from marquee_reranker.responses import etag_response

UI = Path(__file__).parents[1] / "ui"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
}
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
# Browsers request the icon after each change of the address, which is each click. Everything else is revalidated each
# time, so that a new release shows at once.
CACHE_CONTROL = dict.fromkeys((".svg", ".png"), "max-age=86400")
# Place in index.html for the bundle's data.
PLACEHOLDER = b"{}<!--catalog-->"

router = APIRouter(include_in_schema=False)


@router.get("/")
def index(request: Request) -> Response:
    """The page, with the catalogue's genres and popular films."""
    return _page(request, _below(request, _file("index.html")[0].replace(PLACEHOLDER, _catalog(request))), ".html")


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The API reference, which the browser makes of /openapi.json; FastAPI's own page loads scripts from a CDN."""
    return _page(request, _below(request, _file("docs.html")[0]), ".html")


@router.get("/openapi.json")
def document(request: Request) -> Response:
    """The OpenAPI document. It runs in a thread, since the first time is slow."""
    document = request.app.openapi()
    if prefix := _prefix(request):
        document = {**document, "servers": [{"url": prefix}]}
    return _page(request, json.dumps(document, ensure_ascii=False).encode(), ".json")


@router.get("/ui/catalog.json")
def catalog(request: Request) -> Response:
    """What the page knows of the catalogue, for pages that are served elsewhere (`marquee page`)."""
    return _page(request, _catalog(request), ".json")


@router.get("/ui/{name}")
async def asset(request: Request, name: str) -> Response:
    """Scripts, styles and the icon."""
    if name not in _names():
        raise HTTPException(404)
    return _page(request, *_file(name))


def _page(request: Request, body: bytes, suffix: str) -> Response:
    headers = {"Cache-Control": CACHE_CONTROL.get(suffix, "no-cache"), "Content-Security-Policy": POLICY}
    return etag_response(request, body, MEDIA_TYPES[suffix], headers)


def _prefix(request: Request) -> str:
    return public_prefix(request.headers.get("x-forwarded-prefix", ""), request.app.state.settings.root_path)


def _below(request: Request, html: bytes) -> bytes:
    # Relative addresses work below any prefix, but not at the prefix without a slash.
    return html.replace(b'="./', f'="{prefix}/'.encode()) if (prefix := _prefix(request)) else html


@lru_cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in UI.iterdir() if path.suffix in MEDIA_TYPES)


@lru_cache
def _file(name: str) -> tuple[bytes, str]:
    return (UI / name).read_bytes(), (UI / name).suffix


def _catalog(request: Request) -> bytes:
    try:
        state = request.app.state
        posters = state.posters is not None
        return page_data(
            state.live.get(), state.settings.page_novelty, posters=posters, operator=state.settings.operator
        )
    except BundleError:
        return b"{}"
