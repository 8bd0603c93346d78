"""Output of commands: tables, JSON, and errors with their fix."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from marquee.api.contracts import Recommendation, RecommendationResponse
from marquee.errors import MarqueeError
from marquee.models.catalog import FILMS

if TYPE_CHECKING:
    from marquee.bundle import Bundle

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_error(error: MarqueeError) -> None:
    """Print an error's message and, on a line of its own, the fix."""
    err.print("[bold red]error:[/] ", end="")
    err.print(error.message, markup=False, soft_wrap=True)
    if error.fix:
        err.print("  fix: ", end="")
        err.print(error.fix, markup=False, soft_wrap=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, framed: bool = True) -> None:
    """Print a table; columns whose name starts with ">" are right-aligned. Markup in title and cells is escaped."""
    table = Table(title=escape(title) or None, title_justify="left")
    if not framed:
        table.box, table.padding, table.pad_edge = None, (0, 1, 0, 0), False
    for name in columns:
        # A version's name is copied, so it must not be cut.
        justify: Literal["left", "right"] = "right" if name.startswith(">") else "left"
        table.add_column(name.lstrip(">"), justify=justify, no_wrap=name == "version")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)


def print_published(published: "Bundle", where: str = "") -> None:
    """Print the published version and its notes."""
    out.print(f"published {published.manifest.version}{where}", markup=False)
    for note in published.notes:
        out.print(f"  {note}", markup=False)


def print_recommendations(response: RecommendationResponse, title: str, noun: str = FILMS[0]) -> None:
    """Print recommendations as a table, with the title above and their origin below."""
    own = any(film.item_id is not None for film in response.recommendations)
    genres = any(film.genres for film in response.recommendations)
    years = any(film.year for film in response.recommendations)
    rows = [
        (
            number,
            *([film.item_id] if own else []),
            film.title,
            *([film.year or ""] if years else []),
            *([", ".join(film.genres)] if genres else []),
            f"{film.affinity_score:.2f}",
            *([" ".join(f"{person.affinity_score:.2f}" for person in film.for_people)] if film.for_people else []),
            *([_why(film)] if film.explanation else []),
        )
        for number, film in enumerate(response.recommendations, start=1)
    ]
    columns = [">", *(["id"] if own else []), noun, *([">year"] if years else []), *(["genres"] if genres else [])]
    columns += [">affinity"]
    columns += ["of each"] if any(film.for_people for film in response.recommendations) else []
    columns += ["because"] if any(film.explanation for film in response.recommendations) else []
    if title:
        out.print(title, style="italic", markup=False, soft_wrap=True)  # a table would wrap its own title
    print_table("", columns, rows)
    for note in response.notes:
        out.print(note.detail, markup=False)
    origin = f"served by {response.served_by}, model {response.model_version}"
    if response.degraded:
        origin += f"; degraded: {', '.join(response.degraded)}"
    if response.unknown_ids:
        origin += f"; unknown ids: {', '.join(map(str, response.unknown_ids))}"
    out.print(origin, style="dim", markup=False)


def _why(film: Recommendation) -> str:
    if film.explanation is None:
        return ""
    strongest = (seed for seed in film.explanation.because[:2] if seed.contribution > 0)
    # Without alternative titles in brackets: the table has to fit.
    return ", ".join(f"{seed.title.split(' (')[0]} {seed.contribution:+.2f}" for seed in strongest)
