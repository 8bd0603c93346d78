"""Whatever is written: no error, a valid request, and labels that mean the same when they are read again."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marquee.api.contracts import RecommendationRequest
from marquee.pipeline import Pipeline
from tests.unit.wishes.conftest import FILMS, GENRES

CUES = (
    "like|not like|but not|no|not|without|I hated|I loved|and|or|,|.|but|something|after 2000|before 1990|the 80s|90s"
    "|recent|old|between 1990 and 2005|1999|1984|from 2001 to 1990|early 60s|00s|for adults|for kids"
    "|funny|scary|romcom|sci-fi|noir|hidden gems|well-known|something different|(1995)|(|)|\"|'|the|a"
    "|wall e|spirted|é|e\u0301|½|ﬁ|İ|\u0000|🎬|٣٣٣٣|²"
).split("|")
WORDS = st.sampled_from([*CUES, *GENRES, *(title for title, _, _ in FILMS), *(t.lower() for t, _, _ in FILMS)])
SENTENCE = st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=12).map(lambda words: " ".join(words)[:300]))
CHECKS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def pipeline(films, make_contents):
    return Pipeline(replace(make_contents(n_movies=len(FILMS)), catalog=films))


@CHECKS
@given(sentence=SENTENCE)
def test_what_is_understood_is_a_request_that_can_be_answered(pipeline, sentence):
    wish = pipeline.films.reader.read(sentence).request.model_dump()
    request = RecommendationRequest.model_validate({"movie_ids": [2], **wish}, strict=True)
    answer = pipeline.recommend(request)
    assert not {film.movie_id for film in answer.recommendations} & set(wish.get("movie_ids", []))


@CHECKS
@given(sentence=SENTENCE)
def test_labels_mean_the_same_when_they_are_read_again(pipeline, sentence):
    for part in pipeline.films.reader.read(sentence).parts:
        again = pipeline.films.reader.read(part.label)
        assert [(other.kind, other.value, other.label) for other in again.parts] == [
            (part.kind, part.value, part.label)
        ], part
        assert again.not_understood == []


@CHECKS
@given(sentence=SENTENCE)
def test_what_is_said_to_be_written_is_written(pipeline, sentence):
    from marquee.wishes.tokens import tidy

    understood = pipeline.films.reader.read(sentence)
    for text in (*understood.not_understood, *(part.text for part in understood.parts)):
        assert text
        assert text in tidy(sentence)


@CHECKS
@given(sentence=SENTENCE)
def test_the_request_is_what_the_parts_say(pipeline, sentence):
    understood = pipeline.films.reader.read(sentence)
    request = understood.request.model_dump()
    filters = request.pop("filters", {})
    names = {
        "like": "movie_ids",
        "dislike": "disliked_movie_ids",
        "genre_any": "genres_any",
        "genre_none": "genres_none",
    }
    said: dict[str, object] = {}
    for part in understood.parts:
        if part.kind in names:
            said.setdefault(names[part.kind], []).append(part.value)
        else:
            assert part.kind not in said
            said[part.kind] = part.value
    assert said == {**request, **filters}
