"""A store with the synthetic sample in it."""

import pytest

from marquee.bundle.publish import publish
from tests.sample import load_sample


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    publish(store, load_sample(), force=True)
    return store
