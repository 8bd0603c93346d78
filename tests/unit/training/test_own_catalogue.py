"""The example catalogues from files to answers: trained, published, and asked by ids of their own."""

import pytest

from examples.make import make
from marquee.api.contracts import RecommendationRequest
from marquee.bundle.card import markdown, model_card
from marquee.bundle.read import load
from marquee.errors import UnknownGenre, UnknownMovie
from marquee.pipeline import Pipeline
from marquee.retrieval.port import Where
from marquee_cli.recommend import sample_request
from marquee_training.config import TrainingConfig
from marquee_training.data.sources import obtain
from marquee_training.progress import Reporter
from marquee_training.train import train

CONFIG = TrainingConfig(
    epochs=2, eval_every=2, embedding_size=8, eval_folds=3, eval_folds_run=1, eval_draws=1, eval_max_people=20
)


@pytest.fixture(scope="module", params=["books", "retail"])
def pipeline(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    dataset = obtain(make(request.param, folder / "data", people=90, items=40, rows=1500))
    train(dataset, CONFIG, folder / "store", reporter=Reporter(quiet=True), force=True)
    return Pipeline(load(folder / "store"))


def test_requests_and_answers_have_the_data_s_own_ids(pipeline):
    ids = pipeline.catalog.item_ids
    liked, disliked, excluded = [str(ids[0]), ids[1]], [ids[2]], [str(ids[3])]
    request = RecommendationRequest(
        item_ids=[*liked, "nothing"], disliked_item_ids=disliked, exclude_item_ids=excluded, top_n=40, explain=True
    )
    answer = pipeline.recommend(request)
    assert answer.unknown_ids == ["nothing"]
    assert answer.served_by == "two_tower"
    assert {film.item_id for film in answer.recommendations} == set(ids[4:])
    film = answer.recommendations[0]
    assert {seed.item_id for seed in film.explanation.because} == {ids[0], ids[1]}
    assert film.explanation.score == pytest.approx(
        sum(seed.contribution for seed in film.explanation.because) + sum(film.explanation.terms.values()), abs=1e-3
    )
    by_movie = RecommendationRequest(movie_ids=[1, 2], disliked_movie_ids=[3], exclude_movie_ids=[4], top_n=40)
    assert [one.item_id for one in pipeline.recommend(by_movie).recommendations] == [
        one.item_id for one in answer.recommendations
    ]


def test_notes_and_the_model_card_say_what_an_item_is_called(pipeline):
    one, several = pipeline.catalog.noun
    (note,) = [
        note
        for note in pipeline.recommend(RecommendationRequest(item_ids=[pipeline.catalog.item_ids[5]])).notes
        if note.code == "one_seed"
    ]
    assert note.detail.startswith(f"One {one} says little")
    assert note.item_ids == [pipeline.catalog.item_ids[5]]
    card = model_card(pipeline.bundle.manifest, pipeline.catalog.noun)
    assert card.what.startswith(f"A two-stage {one} recommender")
    text = markdown(card, pipeline.catalog.noun)
    assert f"| {several} in the catalogue | 40 |" in text
    assert "film" not in text


def test_other_ways_of_asking_work_without_genres_and_years(pipeline):
    asked, said = sample_request(pipeline)
    assert asked["item_ids"][0] in pipeline.catalog.item_ids
    assert pipeline.catalog.titles[int(pipeline.catalog.popularity.argmax())] in said
    ids = pipeline.catalog.item_ids
    together = RecommendationRequest(people=[{"item_ids": [ids[0]]}, {"item_ids": [ids[1], ids[2]]}], top_n=5)
    assert len(pipeline.recommend(together).recommendations) == 5
    divided = RecommendationRequest(item_ids=ids[:6], several_interests=True, one_per_franchise=True, top_n=5)
    assert len(pipeline.recommend(divided).recommendations) == 5
    title = pipeline.catalog.titles[7]
    found = pipeline.films.search(title, 3)
    assert title in {film.title for film in found}
    assert len(pipeline.films.similar(8, 3)) == 3
    assert pipeline.films.details(8).item_id == ids[7]
    assert pipeline.catalog.movie_of_item(ids[7]) == 8
    one, several = pipeline.catalog.noun
    with pytest.raises(UnknownMovie, match=f"no {one} has the id 'nothing'"):
        pipeline.catalog.movie_of_item("nothing")
    with pytest.raises(UnknownGenre, match="'Nothing'") as error:
        pipeline.films.similar(8, 3, Where(genres_any=("Nothing",)))
    has_genres = bool(pipeline.catalog.genre_names)
    assert (f"no {one} has the genre" if has_genres else f"the {several} have no genres") in error.value.message
    assert ("use one of" if has_genres else "leave out the filter") in error.value.fix
