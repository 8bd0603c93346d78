"""Items over HTTP: on this replica at once, on the others within the interval, kept by the store."""

from functools import partial

import pytest
from fastapi.testclient import TestClient

from marquee.added import read_added
from marquee.bundle.address import open_store
from marquee.bundle.publish import publish
from marquee_training.data.added import with_added
from marquee_training.data.synthetic import synthesize
from tests.programs import run_marquee
from tests.sample import load_sample

TOKEN = {"Authorization": "Bearer secret"}
ON = {"items_seconds": 0.05, "items_token": "secret"}
MOON = {"title": "Moon Harbour", "year": 2026, "genres": ["Drama"], "columns": {"price": 12.5}}


def found(client, **filters):
    asked = {"movie_ids": [1, 4], "top_n": 50, "filters": filters}
    answer = client.post("/v1/recommendations", json=asked)
    assert answer.status_code == 200, answer.text
    return {film["title"] for film in answer.json()["recommendations"]}


def test_an_item_reaches_all_replicas_survives_them_and_goes(make_app, until):
    with TestClient(make_app(**ON)) as one, TestClient(make_app(items_seconds=0.05, reload_seconds=0.05)) as other:
        # Whichever of the two intervals is the longer one.
        put = one.put("/v1/items/b-1", json=MOON, headers=TOKEN)
        assert (put.status_code, put.json()["item_id"], put.json()["item"]["title"]) == (200, "b-1", "Moon Harbour")
        assert found(one, columns={"price": {"max": 13}}) == {"Moon Harbour"}
        until(lambda: found(other, year_min=2026) == {"Moon Harbour"})
        assert other.get("/v1/movies?q=moon").json()["movies"][0]["item_id"] == "b-1"
        movie = other.get("/v1/items/b-1").json()
        assert movie == other.get(f"/v1/movies/{movie['movie_id']}").json()
        assert (movie["item_id"], movie["title"]) == ("b-1", "Moon Harbour")
        assert len(other.get("/v1/items/b-1/similar?top_n=4").json()["movies"]) == 4
        assert other.get("/v1/items/4").json()["title"] == "Film 4"
        one.put("/v1/items/b-1", json=MOON | {"title": "Sun Harbour"}, headers=TOKEN)
        until(lambda: found(other, year_min=2026) == {"Sun Harbour"})
    with TestClient(make_app(**ON)) as again:  # a replica that starts later
        assert found(again, year_min=2026) == {"Sun Harbour"}
        assert again.get("/v1/items", headers=TOKEN).json()["items"][0]["item"]["title"] == "Sun Harbour"
        assert again.delete("/v1/items/b-1", headers=TOKEN).status_code == 204
        assert again.delete("/v1/items/4", headers=TOKEN).status_code == 204
        assert again.get("/v1/items/b-1").json()["detail"].startswith("no film has the id 'b-1'")
        assert again.get("/v1/items/4/similar").status_code == 404
        assert not again.get("/v1/movies?q=harbour").json()["movies"]
        assert "Film 4" not in found(again)
        assert again.get("/v1/items", headers=TOKEN).json() == {"items": [], "removed": ["b-1", 4]}
        back = again.put("/v1/items/4", json={"title": "Film 4"}, headers=TOKEN)
        assert back.json()["item_id"] == 4


@pytest.mark.parametrize(
    ("settings", "method", "path", "body", "headers", "status", "detail"),
    [
        ({}, "PUT", "b", MOON, TOKEN, 404, "set MARQUEE_ITEMS_TOKEN"),
        (ON, "PUT", "b", MOON, {}, 401, "needs the header Authorization"),
        (ON, "PUT", "b", MOON, {"Authorization": "Bearer other"}, 401, "needs the header Authorization"),
        (ON, "PUT", "b", {"year": 2026}, TOKEN, 422, "title: is missing"),
        (ON, "PUT", "b", MOON | {"yaer": 1}, TOKEN, 422, "did you mean year?"),  # codespell:ignore yaer
        (ON, "PUT", "b", {"title": "x", "columns": {"genre": "Drama"}}, TOKEN, 422, "give genres and year beside"),
        (ON, "DELETE", "unheard-of", None, TOKEN, 404, "no film has the id 'unheard-of'"),
    ],
)
def test_mistakes_name_the_fix(make_app, settings, method, path, body, headers, status, detail):
    with TestClient(make_app(**settings)) as client:
        answer = client.request(method, f"/v1/items/{path}", json=body, headers=headers)
        assert answer.status_code == status
        assert detail in answer.json()["detail"]


def test_a_damaged_list_changes_nothing(make_app, store, until):
    app = make_app(**ON)
    with TestClient(app) as client:
        client.put("/v1/items/b-1", json=MOON, headers=TOKEN)
        (store / "ADDED.json").write_text("{")
        app.state.live.amend_now()
        assert found(client, year_min=2026) == {"Moon Harbour"}
        assert client.get("/v1/items", headers=TOKEN).status_code == 503


def test_the_next_training_has_the_items(tmp_path, capsys, monkeypatch):
    """As films without ratings, with their ids; a server of that model has nothing to add."""
    dataset = synthesize(30, 40, 400)
    movie = int(dataset.movies["movie_id"].max()) + 7
    file = tmp_path / "items.jsonl"
    file.write_text(
        f'{{"item_id": {movie}, "title": "Moon Harbour", "year": 2026, "genres": ["Drama"]}}\n\n'
        '{"item_id": "b-1", "title": "Sun Harbour", "imdb_id": "tt0000042", "columns": {"price": 3, "by": ["Ann"]}}\n'
    )
    store = open_store(tmp_path)
    publish(store, load_sample(), force=True)

    run = partial(run_marquee, monkeypatch, capsys, "items", "-s", tmp_path, "--add", file)
    code, out, _ = run("--remove", "x")
    assert code == 0
    assert "2 items added or changed" in out
    made = with_added(dataset, read_added(store))
    movies = made.movies
    assert movies["movie_id"].is_monotonic_increasing
    assert list(movies["title"][-2:]) == ["Moon Harbour", "Sun Harbour"]
    assert made.item_ids[-2:] == (movie, "b-1")
    assert made.item_ids[0] == int(movies["movie_id"][0])
    assert int(movies["imdb_id"].iloc[-1]) == 42
    assert made.columns["by"].words(len(movies) - 1) == ["Ann"]
    assert movies["genres"].iloc[-2] == "Drama"
    for line, message in (
        ('{"title": "x"}', "line 1: item_id is missing"),
        ('{"item_id": 1}', "line 1: title: Field required"),
        ("nonsense", "line 1: not a JSON object"),
        ("[1]", "line 1: not a JSON object"),
    ):
        file.write_text(line)
        code, _, err = run()
        assert code == 3
        assert message in err
