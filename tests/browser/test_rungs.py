"""What the page says when a lower rung answers: the main model away, films that nobody knows, one person of several."""

import socket
from contextlib import closing

import pytest

from marquee.retrieval.http import RetrievalClient

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
UNKNOWN = 999_999
MODEL = "Picked from 50 films, for the 2 you like."
ITEMS = "Picked by a simpler model: films that people like together."
AWAY = "The main model is unavailable (retrieval refused)."


@pytest.fixture(scope="module")
def without_retrieval(serving, store):
    """A re-ranker whose retrieval tier is a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        closing(RetrievalClient(f"http://127.0.0.1:{port}")) as client,
        serving(store, lambda bundle: client.retriever(bundle.version)) as address,
    ):
        yield address


@pytest.mark.parametrize(
    ("state", "status", "notes"),
    [
        ("films=1,13", MODEL, None),
        ("films=1", "Picked from 50 films, for the one you like.",
         "One film says little about a taste: add two or three more."),
        (f"films={UNKNOWN}", "Widely liked films: there was nothing of yours to go by.",
         "None of the films you picked is known here."),
        ("films=1,13&people=2&films2=7,16", "Picked from 50 films, for what each of you likes.", None),
        (f"films=1,13&people=2&films2={UNKNOWN}",
         "Partly just widely liked films: there was nothing to go by for one of you.",
         "None of Person 2’s films is known here."),
    ],
)  # fmt: skip
def test_what_answered_is_said_in_words(page, url, state, status, notes):
    page.goto(f"{url}/#{state}")
    assert_said(page, status, notes)
    page.complaints[:] = [text for text in page.complaints if "404" not in text]  # the title of an unknown film


@pytest.mark.parametrize("people", ["", "&people=2&films2=7,16"])
def test_without_the_main_model_the_simpler_one_answers_and_says_so(page, without_retrieval, people):
    page.goto(f"{without_retrieval}/#films=1,13{people}")
    assert_said(page, ITEMS, AWAY)


def assert_said(page, status, notes):
    expect(page.locator("#films > li:not(.skeleton)")).to_have_count(12)
    expect(page.locator("#status")).to_have_text(status)
    if notes is None:
        expect(page.locator("#notes")).to_be_hidden()
    else:
        expect(page.locator("#notes")).to_contain_text(notes)
