"""`GET /v1/posters/{movie_id}`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from marquee.api.problems import ProblemError
from marquee_reranker.openapi import problem_told, problems_at
from marquee_reranker.posters.fetch import Posters
from marquee_reranker.requests import MovieIdInPath
from marquee_reranker.responses import pipeline_of

OFF = "posters are off: set MARQUEE_TMDB_KEY to a key of themoviedb.org, or show drawn ones"
NONE = "no poster of this film is at hand: show a drawn one, or ask again later"
PICTURES: dict[str, dict[str, str]] = {"image/jpeg": {}, "image/png": {}, "image/webp": {}}
PROBLEMS = {**problems_at(422, 503), **problem_told(404, "No such film, or no poster of it just now.", NONE)}
A_DAY = {"Cache-Control": "private, max-age=86400"}

router = APIRouter()


@router.get(
    "/v1/posters/{movie_id}",
    operation_id="poster",
    response_class=Response,
    responses={200: {"content": PICTURES, "description": "A picture."}, **PROBLEMS},
)
async def poster(request: Request, movie_id: MovieIdInPath) -> Response:
    """A film's poster from TMDB, where the server has a key of it."""
    posters: Posters | None = request.app.state.posters
    if posters is None:
        raise ProblemError(404, OFF, code="no_poster")
    catalog = pipeline_of(request).catalog
    tmdb_id = int(catalog.tmdb_ids[catalog.row_of_movie(movie_id)])
    found = await posters.get(tmdb_id) if tmdb_id else None
    if found is None:
        raise ProblemError(404, NONE, code="no_poster")
    return Response(found.content, media_type=found.media_type, headers=A_DAY)
