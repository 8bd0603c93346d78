"""Films by title, and ratings by file: what isn't certain is asked about on a terminal, and listed elsewhere."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from marquee.errors import RequestError
from marquee_cli.output import err

_MOST_LISTED = 20


def film_called(pipeline: Any, title: str, option: str = "--like") -> int:
    """MovieLens id of the film of a title, such as "Heat (1995)", or of an IMDb id.

    Raises:
        RequestError: No film is surely meant; the fix names those that could be.
    """
    from marquee.api.ratings import RatingRow

    films = pipeline.films
    if re.fullmatch(r"tt\d{1,10}", title):
        rows = [RatingRow(imdb_id=title)]
    else:
        rows = [RatingRow(title=title[:500])]
        if dated := re.fullmatch(r"(.*\S) ((?:18|19|20)\d\d)", title):
            rows.append(RatingRow(title=dated[1], year=max(int(dated[2]), 1870)))
    matches = films.resolver.match_all(rows)
    certain = [match.rows[0] for match in matches if match.is_certain]
    if certain:
        return int(films.film(certain[0]).movie_id)
    choices = [films.film(row) for row in next((match.rows for match in matches if match.rows), ())]
    what = f"{title!r} can mean several films, or another one" if choices else f"no film is called {title!r}"
    choices = choices or films.search(title, 4)
    if choices and (asked := _ask(f"{what}. Which is meant?", choices)):
        return int(asked.movie_id)
    named = " or ".join(f'{option} "{label(film)}"' for film in choices)
    raise RequestError(what, fix=f"leave it out, or say which is meant: {named}" if named else "try fewer words of it")


def ratings_in(pipeline: Any, path: Path) -> list[dict[str, Any]]:
    """The field `ratings` of a request out of an export; reports doubts, unknown films and bad rows on stderr.

    Raises:
        RequestError: The file is no export of ratings, or names no film that the catalogue has.
    """
    from marquee.api.contracts import MAX_RATINGS
    from marquee.ratings import read_export
    from marquee.ratings.exports import seconds

    try:
        export = read_export(path.read_bytes())
    except OSError as error:
        raise RequestError(f"{path} can't be read: {error.strerror}", fix="give the file of an export") from None
    films = pipeline.films
    found, doubts, unknown = [], [], []
    for row, match in zip(export.rows, films.resolver.match_all(export.rows), strict=True):
        name = f"{row.title or row.imdb_id or row.tmdb_id or row.movie_id}" + (f" ({row.year})" if row.year else "")
        choices = [films.film(at) for at in match.rows]
        if match.is_certain:
            found.append((row, choices[0]))
        elif choices and sys.stdin.isatty():
            if film := _ask(f"{path.name} has {name}. Which film is that?", choices):
                found.append((row, film))
        elif choices:
            doubts.append(f"{name}: perhaps {' or '.join(map(label, choices))}")
        else:
            unknown.append(name)
    err.print(f"{path.name}: {len(found):,} of {len(export.rows):,} films found", markup=False)
    _list("not certain, so left out", doubts)
    _list("not in the catalogue", unknown)
    _list("rows left out", export.problems)
    if not found:
        raise RequestError(f"{path.name} names no film of the catalogue", fix="recommend with --like instead")
    found.sort(key=lambda pair: (pair[0].stars is None, -seconds(pair[0].at)))
    if len(found) > MAX_RATINGS:
        err.print(f"the {MAX_RATINGS:,} newest with stars are used", markup=False)
    return [
        {"movie_id": film.movie_id, "stars": row.stars, "at": row.at, "seen": row.seen}
        for row, film in found[:MAX_RATINGS]
    ]


def _ask(question: str, choices: Sequence[Any]) -> Any:
    """The chosen film; None without a terminal, or if it is none of them."""
    if not sys.stdin.isatty():
        return None
    err.print(question, markup=False)
    for number, film in enumerate(choices, start=1):
        err.print(f"  {number}  {label(film)}", markup=False)
    answer = typer.prompt("number, or Enter for none of them", default="", show_default=False, err=True)
    return choices[int(answer) - 1] if answer.isdecimal() and 1 <= int(answer) <= len(choices) else None


def label(film: Any) -> str:
    """Title and year."""
    return f"{film.title} ({film.year})" if film.year else film.title


def _list(what: str, entries: Sequence[str]) -> None:
    for entry in entries[:_MOST_LISTED] if entries else ():
        err.print(f"  {what}: {entry}", markup=False, soft_wrap=True)
    if len(entries) > _MOST_LISTED:
        err.print(f"  {what}: and {len(entries) - _MOST_LISTED:,} more", markup=False)
