"""Routes of the web page and the API's reference: static files, under a Content-Security-Policy of `self`."""

import json
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request
from starlette.datastructures import State
from starlette.responses import Response

from marquee.api.root_path import public_prefix
from marquee.errors import BundleError
from marquee.pipeline import Pipeline
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
N_POPULAR = 12
# Place in index.html for the bundle's data.
PLACEHOLDER = b"{}<!--catalog-->"
MIN_FILMS = 3
# Examples of tastes by name: films, as TMDB ids, and genres.
TASTES: dict[str, dict[str, list[Any]]] = tomllib.loads(Path(__file__).with_name("tastes.toml").read_text("utf-8"))

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
        return _page_data(request.app.state.live.get(), request.app.state)
    except BundleError:
        return b"{}"


def _page_data(pipeline: Pipeline, state: State) -> bytes:
    catalog = pipeline.catalog
    popular = np.argsort(-catalog.popularity, kind="stable")[:N_POPULAR]
    years = catalog.years[catalog.years > 0]
    data: dict[str, Any] = {
        "diversity": round(1 - pipeline.bundle.rerank.weights.lambda_mmr, 4),  # what the dial shows until it is turned
        "novelty": state.settings.page_novelty,
        "genres": [name for name in catalog.genre_names if not name.startswith("(")],
        "popular": [pipeline.films.film(int(row)).model_dump() for row in popular],
        "years": [int(years.min()), int(years.max())] if len(years) else [],
        "n_films": len(catalog),
        "tastes": _tastes(pipeline),
        "posters": state.posters is not None,
        "operator": state.settings.operator,
    }
    # In a script element, "</script>" in a title would end it.
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").encode()


def _tastes(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The tastes of which the catalogue has at least MIN_FILMS films."""
    catalog = pipeline.catalog
    return [
        {
            "name": name,
            "films": [pipeline.films.film(row).model_dump() for row in rows],
            "genres": [genre for genre in taste["genres"] if genre in catalog.genre_names],
        }
        for name, taste in TASTES.items()
        if len(rows := catalog.rows_of_tmdb(taste["films"])[0]) >= MIN_FILMS
    ]
