"""The suite of the retrieval servers, on each way to serve the model on SageMaker: only the way in differs."""

import numpy as np
import pytest

from tests.contract import test_retrieval_servers as suite
from tests.contract.test_retrieval_servers import (  # noqa: F401 - pytest finds them here
    test_bad_requests_are_told_what_is_wrong,
    test_many_queries_in_one_request,
    test_the_same_answers_as_in_process,
)

BY_INVOCATION = ("invocations", "invocations-v2")


@pytest.fixture(params=BY_INVOCATION)
def route(request):
    """(protocol, path)"""
    return suite.PATHS[request.param]


@pytest.fixture
def post(container):
    """SageMaker hands every body to /invocations, whichever protocol it is in."""
    return lambda path, body: container.invoke(body)


@pytest.fixture
def rng():
    return np.random.default_rng(11)
