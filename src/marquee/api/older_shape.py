"""Answers as the older service shaped them: titles with their years, genres as one text. `POST /v0/recommend`."""

from marquee.api.contracts import Recommendation, RecommendationResponse

NO_GENRES = "(no genres listed)"  # MovieLens' own words


class OlderRecommendation(Recommendation):
    """A recommended film in the older shape."""

    title: str
    """With its year, where that is known: `Some Movie (2006)`."""
    genres: str  # type: ignore[assignment]
    """Names between bars: `Drama|Fantasy`, or `(no genres listed)`."""


class OlderResponse(RecommendationResponse):
    """Recommendations and their origin, with films in the older shape."""

    recommendations: list[OlderRecommendation]  # type: ignore[assignment]


def older_shape(answer: RecommendationResponse) -> OlderResponse:
    """The same answer in the older shape."""
    films = [
        OlderRecommendation(
            **{
                **dict(film),
                "title": f"{film.title} ({film.year})" if film.year else film.title,
                "genres": "|".join(film.genres) or NO_GENRES,
            }
        )
        for film in answer.recommendations
    ]
    return OlderResponse(**{**dict(answer), "recommendations": films})
