"""Servers that reload for months don't grow: of many bundles, only the live one and the one before stay."""

import gc
import weakref
from pathlib import Path

import pytest

from marquee.bundle import activate, publish
from marquee.retrieval.service import RetrievalService
from marquee.settings import Settings
from marquee_reranker.app import create_app

RELOADS = 50


def live_of_the_reranker(store):
    return create_app(Settings(artifacts=store)).state.live


def live_of_a_retrieval_server(store):
    return RetrievalService(store).live


@pytest.mark.parametrize("make_live", [live_of_the_reranker, live_of_a_retrieval_server])
def test_reloads_leave_nothing_behind(tmp_path, make_contents, make_live):
    versions = [publish(tmp_path, make_contents(seed=seed), force=True).version for seed in (1, 2)]
    live, loaded = make_live(tmp_path), []
    build = live.build

    def noted(bundle):
        loaded.append(weakref.ref(bundle.catalog))
        return build(bundle)

    live.build = noted
    files = objects = 0
    for reload in range(RELOADS):
        activate(tmp_path, versions[reload % 2])
        assert live.check() == "swapped"
        if reload in {9, RELOADS - 1}:  # the first reloads fill caches
            gc.collect()
            before, files = files, len([*Path("/proc/self/fd").iterdir()])
            grown, objects = len(gc.get_objects()) - objects, len(gc.get_objects())
            assert sum(catalog() is not None for catalog in loaded) == 2
    assert files == before
    assert grown < objects / 100
    assert live.swaps == RELOADS
