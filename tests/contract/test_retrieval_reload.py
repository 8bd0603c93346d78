"""Bundles that change while retrieval servers and the re-ranker are at work: nothing is lost, nothing is mixed."""

import threading

import httpx2

from marquee.api.contracts import RecommendationRequest
from marquee.bundle import load, publish
from marquee.bundle.folder_store import FolderStore
from marquee.bundle.store import Pointer
from marquee.pipeline import Pipeline
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Where
from tests.contract.conftest import PREDICT, only_torchserve
from tests.waiting import until

SEEDS = [1, 4, 7]
BODY = {"instances": [{"movie_ids": SEEDS, "k": 30}]}
ASKED = {"movie_ids": SEEDS, "top_n": 10}
RELOADS = 5


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
            thread.join(150)

    def _run(self, url, body):
        with httpx2.Client(timeout=120) as client:
            while not self._over.is_set():
                try:
                    answer = client.post(url, json=body)
                    self.answers.append((answer.status_code, answer.json()))
                except httpx2.TransportError as error:
                    self.failures.append(error)


def saw(load_, version):
    """Whether a recent answer came from this version, and from both tiers' bundle of that version."""
    return lambda: any(body["model_version"] == version and not body.get("degraded") for _, body in load_.answers[-30:])


def publish_reloads(server, make_contents, at_work, remember):
    """Publish one bundle after the other, each once the one before was seen to answer."""
    for seed in range(1, RELOADS + 1):
        publish(server.store, make_contents(n_movies=300, seed=seed), force=True)
        until(saw(at_work, remember()), what="an answer from the new bundle")


def test_reloads_of_a_retrieval_server(server, make_contents):
    expected = {}

    def remember():
        bundle = load(server.store)
        found = ExactSearch(bundle).candidates(SEEDS, 30, Where())
        expected[bundle.version] = {"movie_ids": found.movie_ids.tolist(), "scores": found.scores.tolist()}
        return bundle.version

    remember()
    with Load(server.url, PREDICT, BODY) as at_work:
        publish_reloads(server, make_contents, at_work, remember)
    assert not at_work.failures
    assert {status for status, _ in at_work.answers} == {200}
    assert {body["model_version"] for _, body in at_work.answers} >= set(list(expected)[1:])
    for _, body in at_work.answers:
        assert body["predictions"] == [expected[body["model_version"]]]


@only_torchserve
def test_reloads_of_both_tiers(server, start, make_contents):
    """The tiers reload at their own times. Retrieval keeps the bundle before, so that no answer mixes two; where it
    is behind, the answer says so."""
    reranker = start(server.store, reload_seconds=0.11, retrieval_url=server.url, retrieval_seconds=60)
    expected = {}

    def remember():
        pipeline = Pipeline(load(server.store))
        answer = pipeline.recommend(RecommendationRequest(**ASKED))
        expected[pipeline.version] = [film.model_dump(exclude_none=True) for film in answer.recommendations]
        return pipeline.version

    remember()
    with Load(reranker.url, "/recommend", ASKED) as at_work:
        publish_reloads(server, make_contents, at_work, remember)
    assert not at_work.failures
    assert {status for status, _ in at_work.answers} == {200}
    assert {body["served_by"] for _, body in at_work.answers} == {"two_tower"}
    assert {body["model_version"] for _, body in at_work.answers} >= set(list(expected)[1:])
    assert all(body["degraded"] in ([], ["version_skew"]) for _, body in at_work.answers)
    for _, body in at_work.answers:
        if not body["degraded"]:
            assert body["recommendations"] == expected[body["model_version"]]


def test_a_bad_bundle_is_refused_and_the_old_one_serves(server, make_contents):
    good, seen = load(server.store).version, len(server.log.read_text())
    bad = publish(server.store, make_contents(n_movies=300, seed=9), force=True, activate=False)
    vectors = bad.path / "two_tower.safetensors"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"\x55")
    # Only now the server can see it. `activate` would refuse it too.
    FolderStore(server.store).point_to(
        Pointer(version=bad.manifest.version, manifest_sha256=bad.manifest.sha256(), previous=good)
    )
    until(lambda: "bundle refused" in server.log.read_text()[seen:])
    for _ in range(5):
        assert server.version() == good
    better = publish(server.store, make_contents(n_movies=300, seed=10), force=True).manifest.version
    until(lambda: server.version() == better)


def test_without_a_bundle_it_waits_and_says_so(server):
    status, text = server.without_bundle
    # kserve looks at readiness before it asks the model, and has a sentence of its own for that.
    assert (status, "no bundle in" in text or "is not ready" in text) == (503, True)
