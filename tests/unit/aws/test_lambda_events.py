"""Whatever arrives as an event, the function answers and never raises."""

import hypothesis
import pytest
from hypothesis import strategies as st

from marquee.settings import Settings
from marquee_lambda.app import App

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = {
    "requestContext": st.fixed_dictionaries({}, optional={"http": JSON_VALUES, "stage": JSON_VALUES}) | JSON_VALUES,
    **dict.fromkeys(("headers", "multiValueHeaders", "httpMethod", "rawPath", "path"), JSON_VALUES),
    **dict.fromkeys(("body", "isBase64Encoded"), JSON_VALUES | st.just(True)),
}


@pytest.fixture(scope="module")
def plain(store):
    return App(Settings(artifacts=store))


@hypothesis.given(st.fixed_dictionaries({}, optional=MEMBERS) | JSON_VALUES)
@hypothesis.example({"requestContext": {"http": {}}, "headers": ["a"]})
@hypothesis.example({"requestContext": {}, "httpMethod": "GET", "multiValueHeaders": "a", "headers": 5})
@hypothesis.example({"requestContext": {"http": {"method": "POST"}}, "rawPath": "/\ud800", "headers": {"Origin": [1]}})
@hypothesis.settings(max_examples=60, deadline=None)
def test_no_event_makes_it_raise(plain, event):
    answer = plain.answer(event, None)
    assert answer.get("statusCode", answer.get("status")) in {200, 400, 404, 405, 413, 415, 422}
