"""The service behind every retrieval server, without a transport."""

import json

import pytest

from marquee.bundle import load, publish
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Where
from marquee.retrieval.service import RetrievalService


def body(movie_ids, k=5, **fields):
    return json.dumps({"instances": [{"movie_ids": movie_ids, "k": k}], **fields}).encode()


@pytest.fixture
def store(tmp_path, make_contents):
    publish(tmp_path / "store", make_contents(), force=True)
    return tmp_path / "store"


@pytest.fixture
def service(store):
    made = RetrievalService(store)
    made.live.check()
    return made


def ids(reply):
    return reply.body["predictions"][0]["movie_ids"]


def test_replies_keep_the_order_of_bodies_whatever_is_among_them(service, store):
    search = ExactSearch(load(store))
    bodies = [body([1]), b"nonsense", body([4, 7]), b"", body([2]), body([10], k=3)]
    replies = service.answer(bodies)
    assert [reply.status for reply in replies] == [200, 400, 200, 200, 400, 200]
    for index, seeds, k in ((0, [1], 5), (2, [4, 7], 5), (5, [10], 3)):
        assert ids(replies[index]) == search.candidates(seeds, k, Where()).movie_ids.tolist()
    assert json.loads(replies[1].text())["error"].startswith("the body is not JSON")


def test_of_several_queries_the_bad_one_is_named(service):
    asked = {"instances": [{"movie_ids": [1]}, {"movie_ids": [2]}]}
    (reply,) = service.answer([asked])
    assert reply.status == 400
    assert reply.body["error"].startswith("query 1: no film has any of the ids 2")


def test_who_works_with_the_bundle_before_gets_its_answers(service, store, make_contents):
    old = load(store)
    new = load(publish(store, make_contents(seed=5), force=True).path)
    service.live.check()
    replies = service.answer([body([1], model_version=old.version), body([1]), body([1], model_version="unheard of")])
    assert [reply.body["model_version"] for reply in replies] == [old.version, new.version, new.version]
    for reply, bundle in zip(replies, (old, new, new), strict=True):
        assert ids(reply) == ExactSearch(bundle).candidates([1], 5, Where()).movie_ids.tolist()


def test_without_a_bundle_503_and_why(tmp_path):
    service = RetrievalService(tmp_path)
    service.live.check()
    probe, call, bad = service.answer([b"", body([1]), b"{"])
    assert (probe.status, call.status, bad.status) == (503, 503, 400)
    assert "no bundle in" in call.body["error"]


def test_a_shortlist_that_fails_refuses_the_bundle(store):
    def broken(tower):
        raise ZeroDivisionError

    service = RetrievalService(store, make_shortlist=broken)
    assert service.live.check() == "refused"
    assert not service.live.ready
