"""A store with the synthetic sample in it."""

import pytest

from marquee.bundle.publish import publish
from marquee.bundle.sample import sample_contents


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    publish(store, sample_contents(), force=True)
    return store
