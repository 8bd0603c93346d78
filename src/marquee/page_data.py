"""What the web page knows of a bundle before anybody asks: its noun, genres, popular films, examples of tastes."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from marquee.pipeline import Pipeline

N_POPULAR = 12
MIN_FILMS = 3
# Examples of tastes by name: films, as TMDB ids, and genres.
TASTES: dict[str, dict[str, list[Any]]] = tomllib.loads(Path(__file__).with_name("tastes.toml").read_text("utf-8"))


def page_data(pipeline: Pipeline, novelty: float, *, posters: bool, operator: bool) -> bytes:
    """JSON that can stand in a script element; `novelty` is where the page's dial begins."""
    catalog = pipeline.catalog
    popular = np.argsort(-catalog.popularity, kind="stable")[:N_POPULAR]
    years = catalog.years[catalog.years > 0]
    data: dict[str, Any] = {
        "diversity": round(1 - pipeline.bundle.rerank.weights.lambda_mmr, 4),  # what the dial shows until it is turned
        "novelty": novelty,
        "genres": [name for name in catalog.genre_names if not name.startswith("(")],
        "popular": [pipeline.films.fields(row) for row in popular.tolist()],
        "years": [int(years.min()), int(years.max())] if len(years) else [],
        "n_films": len(catalog),
        "noun": catalog.noun,
        "own_ids": catalog.item_ids is not None,
        "tastes": _tastes(pipeline),
        "posters": posters,
        "operator": operator,
    }
    # In a script element, "</script>" in a title would end it.
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").encode()


def _tastes(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The tastes of which the catalogue has at least MIN_FILMS films."""
    catalog = pipeline.catalog
    return [
        {
            "name": name,
            "films": [pipeline.films.fields(row) for row in rows],
            "genres": [genre for genre in taste["genres"] if genre in catalog.genre_names],
        }
        for name, taste in TASTES.items()
        if len(rows := catalog.rows_of_tmdb(taste["films"])[0]) >= MIN_FILMS
    ]
