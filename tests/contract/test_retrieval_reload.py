"""Bundles that change while retrieval servers and the re-ranker are at work: nothing is lost, nothing is mixed."""

import threading

import httpx2
import pytest

from marquee.api.contracts import RecommendationRequest
from marquee.bundle import load, publish
from marquee.pipeline import Pipeline
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Where
from tests.contract.conftest import until

SEEDS = [1, 4, 7]
BODY = {"instances": [{"movie_ids": SEEDS, "k": 30}]}
ASKED = {"movie_ids": SEEDS, "top_n": 10}
RELOADS = 20


class Load:
    """Clients that ask without pause, from threads."""

    def __init__(self, url, path, body, n=3):
        self.answers, self.failures = [], []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[url + path, body]) for _ in range(n)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, url, body):
        with httpx2.Client(timeout=30) as client:
            while not self._over.is_set():
                try:
                    answer = client.post(url, json=body)
                    self.answers.append((answer.status_code, answer.json()))
                except httpx2.TransportError as error:
                    self.failures.append(error)


@pytest.fixture
def store(tmp_path, make_contents):
    publish(tmp_path / "store", make_contents(n_movies=300, seed=0), force=True)
    return tmp_path / "store"


def saw(load_, version):
    return lambda: any(body["model_version"] == version for _, body in load_.answers[-30:])


@pytest.mark.parametrize("kind", ["torchserve", "kserve"])
def test_20_reloads_of_a_retrieval_server(start, store, make_contents, kind):
    server = start(kind, store, reload_seconds=0.05)
    expected = {}

    def remember():
        bundle = load(store)
        found = ExactSearch(bundle).candidates(SEEDS, 30, Where())
        expected[bundle.version] = {"movie_ids": found.movie_ids.tolist(), "scores": found.scores.tolist()}
        return bundle.version

    remember()
    with Load(server.url, "/v1/models/two_tower:predict", BODY) as at_work:
        for seed in range(1, RELOADS + 1):
            publish(store, make_contents(n_movies=300, seed=seed), force=True)
            until(saw(at_work, remember()))
    assert not at_work.failures
    assert {status for status, _ in at_work.answers} == {200}
    assert {body["model_version"] for _, body in at_work.answers} >= set(list(expected)[1:])
    for _, body in at_work.answers:
        assert body["predictions"] == [expected[body["model_version"]]]


def test_20_reloads_of_both_tiers(start, store, make_contents):
    """The tiers reload at their own times. Retrieval keeps the bundle before, so that no answer mixes two; where it
    is behind, the answer says so."""
    server = start("torchserve", store, reload_seconds=0.05)
    reranker = start("reranker", store, reload_seconds=0.11, retrieval_url=server.url, retrieval_seconds=5)
    expected = {}

    def remember():
        pipeline = Pipeline(load(store))
        answer = pipeline.recommend(RecommendationRequest(**ASKED))
        expected[pipeline.version] = [film.model_dump(exclude_none=True) for film in answer.recommendations]
        return pipeline.version

    remember()
    with Load(reranker.url, "/recommend", ASKED) as at_work:
        for seed in range(1, RELOADS + 1):
            publish(store, make_contents(n_movies=300, seed=seed), force=True)
            until(saw(at_work, remember()))
    assert not at_work.failures
    assert {status for status, _ in at_work.answers} == {200}
    assert {body["served_by"] for _, body in at_work.answers} == {"two_tower"}
    assert {body["model_version"] for _, body in at_work.answers} >= set(list(expected)[1:])
    skewed = [body for _, body in at_work.answers if body["degraded"]]
    assert all(body["degraded"] == ["version_skew"] for body in skewed)
    assert len(skewed) < len(at_work.answers) / 2
    for _, body in at_work.answers:
        if not body["degraded"]:
            assert body["recommendations"] == expected[body["model_version"]]


@pytest.mark.parametrize("kind", ["torchserve", "kserve"])
def test_a_bad_bundle_is_refused_and_the_old_one_serves(start, store, make_contents, kind):
    server = start(kind, store, reload_seconds=0.05)
    good = load(store).version
    bad = publish(store, make_contents(n_movies=300, seed=9), force=True)
    vectors = bad.path / "two_tower.safetensors"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"\x55")
    until(lambda: "bundle refused" in server.log.read_text())
    for _ in range(5):
        answer = httpx2.post(f"{server.url}/invocations", json=BODY, timeout=10)
        assert (answer.status_code, answer.json()["model_version"]) == (200, good)
    better = publish(store, make_contents(n_movies=300, seed=10), force=True).manifest.version
    until(lambda: httpx2.post(f"{server.url}/invocations", json=BODY, timeout=10).json()["model_version"] == better)


@pytest.mark.parametrize("kind", ["torchserve", "kserve"])
def test_without_a_bundle_it_waits_and_says_so(start, tmp_path, make_contents, kind):
    store = tmp_path / "empty"
    server = start(kind, store, wait=False, reload_seconds=0.05)

    def says_so():
        assert server.process.poll() is None, server.log.read_text()
        try:
            answer = httpx2.post(f"{server.url}/v1/models/two_tower:predict", json=BODY, timeout=5)
        except httpx2.TransportError:
            return False
        # kserve looks at readiness before it asks the model, and has a sentence of its own for that.
        return answer.status_code == 503 and ("no bundle in" in answer.text or "is not ready" in answer.text)

    until(says_so)
    publish(store, make_contents(n_movies=300), force=True)
    until(server.answers)
