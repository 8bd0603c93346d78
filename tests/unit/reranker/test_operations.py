"""`GET /v1/operations`: only for operators, true figures of one process, and the versions of its store."""

import dataclasses
import shlex
from datetime import UTC, datetime
from functools import partial

import pytest
from fastapi.testclient import TestClient

from marquee.bundle import export, publish
from marquee.bundle.folder_store import FolderStore
from marquee_reranker.operations import OperationsNow

ASKED = {"tmdb_ids": [1001, 1004], "top_n": 5}
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


@pytest.fixture
def operator(make_app):
    with TestClient(make_app(operator=True)) as client:
        yield client


def now(client):
    answer = client.get("/v1/operations")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("path", ["/v1/operations", "/v1/operations/sweep.png"])
def test_off_by_default_and_says_so(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "MARQUEE_OPERATOR=true" in answer.json()["detail"]
    assert '"operator": false' in client.get("/").text


def test_before_any_request(operator, store):
    answer = operator.get("/v1/operations")
    assert answer.headers["cache-control"] == "no-store"
    seen = answer.json()
    OperationsNow.model_validate(seen)
    assert "this process alone" in seen["scope"]
    assert seen["requests"] == {"total": 0, "errors": 0}
    assert seen["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert seen["served_by"] == {"two_tower": 0, "item_cf": 0, "popularity": 0}
    assert seen["degraded"] == {}
    assert seen["shed"] == {"queue_full": 0, "queue_timeout": 0}
    assert seen["rollback"] == f"marquee rollback --store {shlex.quote(str(store))}"
    assert seen["sweep"] is False
    assert '"operator": true' in operator.get("/").text


def test_it_counts_what_was_asked(operator):
    for _ in range(3):
        operator.post("/v1/recommendations", json=ASKED)
    operator.post("/recommend", json={"tmdb_ids": [5]})
    operator.post("/recommend", json={})
    operator.get("/livez")
    operator.get("/readyz")
    seen = [now(operator), now(operator)][-1]
    assert seen["requests"] == {"total": 5, "errors": 0}
    assert seen["served_by"] == {"two_tower": 3, "item_cf": 0, "popularity": 1}
    assert seen["degraded"] == {"no_known_seeds": 1}
    latency = seen["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= 1000


def test_errors_are_faults_and_refusals(make_app):
    with TestClient(make_app(operator=True)) as client:
        client.app.state.telemetry.requests.labels("/recommend", "POST", "503", "").inc(2)
        client.app.state.telemetry.requests.labels("/recommend", "POST", "500", "one").inc()
        client.app.state.telemetry.requests.labels("/recommend", "POST", "499", "two").inc()
        client.app.state.telemetry.shed.labels("queue_full").inc(2)
        seen = now(client)
    assert seen["requests"] == {"total": 4, "errors": 3}
    assert seen["shed"]["queue_full"] == 2


def test_time_since_the_start(operator):
    first = now(operator)
    started = datetime.fromisoformat(first["started"])
    assert started <= datetime.now(UTC)
    assert (datetime.now(UTC) - started).total_seconds() < 60
    assert 0 <= first["uptime_s"] <= now(operator)["uptime_s"] < 60


def test_versions_newest_first_and_which_is_refused(operator, store, make_contents):
    first = operator.app.state.live.get().version
    good = publish(store, make_contents(seed=8), force=True)
    operator.app.state.live.check()
    bad = publish(store, make_contents(seed=9), force=True)
    (bad.path / "two_tower.safetensors").write_bytes(b"spoiled")
    operator.app.state.live.check()
    seen = now(operator)
    assert seen["model_version"] == good.manifest.version
    assert [(one["version"], one["current"], one["refused"]) for one in seen["versions"]] == [
        (bad.manifest.version, True, True),
        (good.manifest.version, False, False),
        (first, False, False),
    ]
    assert [one["ndcg@10"] for one in seen["versions"]] == [0.5, 0.5, 0.5]
    assert datetime.fromisoformat(seen["versions"][0]["created"]) == bad.manifest.created


def test_a_version_without_a_readable_manifest_is_refused(operator, store, make_contents):
    old = operator.app.state.live.get().version
    publish(store, make_contents(seed=8), force=True)
    (store / "versions" / old / "manifest.json").unlink()
    newest, older = now(operator)["versions"]
    assert (newest["refused"], older["version"], older["refused"], older["ndcg@10"]) == (False, old, True, None)


def test_a_store_that_cannot_be_reached_is_shown(operator, monkeypatch):
    reachable = partial(operator.app.state.telemetry.registry.get_sample_value, "marquee_store_reachable")
    assert (now(operator)["store"], reachable()) == (None, 1)
    monkeypatch.setattr(FolderStore, "trouble", "no route to the bucket")
    assert (now(operator)["store"], reachable()) == ("no route to the bucket", 0)


def test_without_a_bundle_it_answers_all_the_same(make_app, tmp_path):
    with TestClient(make_app(artifacts=tmp_path / "none", operator=True)) as client:
        seen = now(client)
        assert client.get("/v1/operations/sweep.png").status_code == 404
    assert (seen["model_version"], seen["versions"], seen["sweep"]) == (None, [], False)


def test_one_bundle_has_nothing_to_go_back_to(make_app, store, tmp_path):
    export(store, tmp_path / "one")
    with TestClient(make_app(artifacts=tmp_path / "one", operator=True)) as client:
        seen = now(client)
    assert seen["rollback"] is None
    assert [one["current"] for one in seen["versions"]] == [True]


def test_the_command_to_go_back_can_be_told(make_app):
    told = "kubectl -n films create job --from=cronjob/marquee-rollback back-1"
    with TestClient(make_app(operator=True, rollback=told)) as client:
        assert now(client)["rollback"] == told


def test_the_picture_of_the_setting(make_app, tmp_path):
    picture = tmp_path / "plot.png"
    with TestClient(make_app(operator=True, sweep_plot=picture)) as client:
        assert now(client)["sweep"] is False
        picture.write_bytes(PNG)
        assert now(client)["sweep"] is True
        answer = client.get("/v1/operations/sweep.png")
        assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
        assert answer.headers["cache-control"] == "no-store"
        picture.write_bytes(b"<script>")
        assert client.get("/v1/operations/sweep.png").status_code == 404
        picture.write_bytes(PNG + bytes(4 * 1024 * 1024))
        assert client.get("/v1/operations/sweep.png").status_code == 404


def test_the_picture_of_the_bundle(make_app, make_contents, store, tmp_path):
    files = {"sweep_quick.png": PNG + b"1", "sweep_small.png": PNG + b"2", "other.png": PNG}
    contents = dataclasses.replace(make_contents(seed=3), eval_files=files)
    publish(store, contents, force=True)
    export(store, tmp_path / "one")
    for folder in (store, tmp_path / "one"):
        with TestClient(make_app(artifacts=folder, operator=True)) as client:
            assert now(client)["sweep"] is True
            assert client.get("/v1/operations/sweep.png").content == PNG + b"2"
