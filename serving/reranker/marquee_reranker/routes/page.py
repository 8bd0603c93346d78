"""The web page and the API's reference: static files from memory, under a policy that lets nothing in from outside."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request
from starlette.datastructures import State
from starlette.responses import Response

from marquee.errors import BundleError
from marquee.pipeline import Pipeline
from marquee_reranker.kept import has_already, weak_tag
from marquee_reranker.routes.tastes import tastes

UI = Path(__file__).parents[1] / "ui"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
}
POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
# Others are kept by the browser as well but asked for each time, so that a new release shows at once. Browsers want the
# icon again after each change of the address, which is each click.
KEPT = dict.fromkeys((".svg", ".png"), "max-age=86400")
N_POPULAR = 12
# Where index.html carries what only the bundle knows.
PLACEHOLDER = b"{}<!--catalog-->"

router = APIRouter(include_in_schema=False)


@router.get("/")
def index(request: Request) -> Response:
    """The page, with the catalogue's genres and well-known films to begin with."""
    try:
        facts = _facts(request.app.state.live.get(), request.app.state)
    except BundleError:
        facts = b"{}"
    return _page(request, (UI / "index.html").read_bytes().replace(PLACEHOLDER, facts), ".html")


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The API's reference, made from /openapi.json in the browser; FastAPI's own page loads scripts from a CDN."""
    return _page(request, *_file("docs.html"))


@router.get("/openapi.json")
def document(request: Request) -> Response:
    """The OpenAPI document. In a thread, since making it the first time takes a while."""
    return _page(request, json.dumps(request.app.openapi(), ensure_ascii=False).encode(), ".json")


@router.get("/ui/{name}")
async def asset(request: Request, name: str) -> Response:
    """Scripts, styles and the icon."""
    if name not in _names():
        raise HTTPException(404)
    return _page(request, *_file(name))


def _page(request: Request, body: bytes, suffix: str) -> Response:
    tag = weak_tag(body)
    headers = {"Cache-Control": KEPT.get(suffix, "no-cache"), "ETag": tag, "Content-Security-Policy": POLICY}
    if has_already(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=MEDIA_TYPES[suffix], headers=headers)


@lru_cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in UI.iterdir() if path.suffix in MEDIA_TYPES)


@lru_cache
def _file(name: str) -> tuple[bytes, str]:
    return (UI / name).read_bytes(), (UI / name).suffix


def _facts(pipeline: Pipeline, state: State) -> bytes:
    catalog = pipeline.catalog
    popular = np.argsort(-catalog.popularity, kind="stable")[:N_POPULAR]
    years = catalog.years[catalog.years > 0]
    facts: dict[str, Any] = {
        "diversity": round(1 - pipeline.bundle.rerank.weights.lambda_mmr, 4),  # what the dial shows until it is turned
        "novelty": state.settings.page_novelty,
        "genres": [name for name in catalog.genre_names if not name.startswith("(")],
        "popular": [pipeline.films.film(int(row)).model_dump() for row in popular],
        "years": [int(years.min()), int(years.max())] if len(years) else [],
        "n_films": len(catalog),
        "tastes": tastes(pipeline),
        "posters": state.posters is not None,
        "operator": state.settings.operator,
    }
    # In a script element, "</script>" in a title would end it.
    return json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c").encode()
