"""The page of a catalogue that isn't of films: books with ids of their own, without years and genres."""

import dataclasses
import json
import re

import numpy as np
import pytest

from marquee.bundle import publish
from tests.browser.tidy import WATCH_CSP, assert_accessible, assert_tidy

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
LONG = "The Extraordinary Voyages " + "of-a-title-without-a-single-space" * 3
ODD_ID = "978-0,1%2C/#?" + "0123456789" * 6
# What is on the page for the eye or for a screen reader, and the fields' hints.
SAID = """() => [document.title, document.body.innerText, ...[...document.querySelectorAll("body *")].flatMap((it) => (
  ["aria-label", "title", "placeholder", "aria-valuetext"].map((name) => it.getAttribute(name))
))].filter(Boolean).join("\\n")"""
OF_FILMS = re.compile(
    r"films?\b|\bmovies?\b|\bwatch|\bseen\b|tmdb|imdb|movielens|letterboxd|trakt|justwatch|alien|matrix|star wars",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def books(make_contents):
    contents = make_contents()
    n = len(contents.catalog)
    catalog = dataclasses.replace(
        contents.catalog,
        noun=("book", "books"),
        item_ids=(ODD_ID, "978-00001", *range(2**60 + 1, 2**60 + n - 1)),
        titles=("Emma", "Dracula", LONG, *(f"Book {number}" for number in range(3, n))),
        tmdb_ids=np.zeros(n, dtype=np.int64),
        years=np.zeros(n, dtype=np.int16),
        genre_names=(),
        genres=np.zeros((n, 0), dtype=bool),
    )
    return dataclasses.replace(contents, catalog=catalog)


@pytest.fixture(scope="module")
def store(books, tmp_path_factory):
    store = tmp_path_factory.mktemp("books")
    publish(store, books, force=True)
    return store


@pytest.fixture(scope="module")
def url(serving, store):
    with serving(store, operator=True) as address:
        yield address


def check(page, state):
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    assert OF_FILMS.findall(page.evaluate(SAID)) == [], state
    if not page.locator("dialog[open]").count():
        assert_tidy(page)
    wide = "all => all.some((box) => box.scrollWidth > box.clientWidth)"
    assert not page.locator("dialog[open]").evaluate_all(wide), state
    assert_accessible(page, state)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_books_are_called_books(new_page, url, width, scheme):
    page = new_page(width, scheme, bypass_csp=True)
    page.add_init_script(WATCH_CSP)
    page.goto(url)
    page.locator("#dials").evaluate("dials => { dials.open = true; }")
    expect(page.get_by_role("heading", name="Books you like")).to_be_visible()
    expect(page.get_by_role("group", name="Years")).to_be_hidden()
    check(page, "at the start")
    search = page.get_by_role("combobox")
    search.fill("zzzz")
    expect(page.locator("#suggestions")).to_have_text("No book has “zzzz” in its title.")
    for title in ("emma", "extraordinary"):
        search.fill(title)
        page.get_by_role("option").first.click()
    expect(page.locator("#status")).to_have_text("Picked from 50 books, for the 2 you like.")
    check(page, "recommendations")
    page.get_by_label("Or say it in words").fill("like Dracula")
    page.get_by_role("button", name="Go").click()
    expect(page.locator("#picked .like")).to_have_count(3)
    page.locator("#films article").first.get_by_role("button", name=re.compile("^Known ")).click()
    expect(page.locator("#toast-text")).to_contain_text("is on your list, and not recommended again")
    page.locator("#films h3 a").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile(r"number \d+ of 50 books|Nobody in the data"))
    check(page, "details")
    dialog.get_by_role("button", name="More like this").click()
    expect(page.locator("#results-title")).to_have_text(re.compile("^Books like "))
    page.get_by_role("button", name="My lists").click()
    expect(dialog).to_contain_text("Known: 1 book")
    check(page, "lists")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="My taste portrait").click()
    expect(dialog.get_by_role("img")).to_have_accessible_name(re.compile("^1 books?"))
    check(page, "portrait")
    page.keyboard.press("Escape")
    rated = f"id,rating\n978-00001,4\n{2**60 + 5},5\n".encode()
    page.locator("#mine-file").set_input_files({"name": "my.csv", "mimeType": "text/csv", "buffer": rated})
    expect(dialog.get_by_role("heading", name="2 of 2 books found")).to_be_visible()
    check(page, "import")
    page.locator("#mine-file").set_input_files({"name": "my.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"})
    expect(dialog).to_contain_text("no title or id of books")
    check(page, "wrong file")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Choose together: add a person").click()
    check(page, "two people")
    page.get_by_role("button", name="About this model").click()
    expect(dialog.get_by_role("term").filter(has_text="Books")).to_be_visible()
    check(page, "about")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Operator").click()
    expect(page.locator("#request svg").first).to_be_visible()
    check(page, "operator")


def test_links_and_lists_outlive_a_training(new_page, serving, store, books, tmp_path):
    other = tmp_path / "later"
    order = np.roll(np.arange(len(books.catalog)), 7)  # the same books by other numbers
    catalog = dataclasses.replace(
        books.catalog,
        item_ids=tuple(books.catalog.item_ids[row] for row in order),
        titles=tuple(books.catalog.titles[row] for row in order),
    )
    publish(other, dataclasses.replace(books, catalog=catalog), force=True)
    new_page.n_hosts = 2
    page = new_page()
    with serving(store) as url:
        page.goto(url)
        for title in ("emma", "dracula"):
            page.get_by_role("combobox").fill(title)
            page.get_by_role("option").first.click()
        page.locator("#films article").first.get_by_role("button", name=re.compile("^Known ")).click()
        expect(page.get_by_role("button", name="My lists")).to_be_visible()
        address = page.evaluate("location.hash")
        lists = page.evaluate("JSON.stringify(localStorage)")
    later = new_page()
    stored = json.loads(lists)
    later.add_init_script(
        f"for (const [key, value] of Object.entries({json.dumps(stored)})) localStorage.setItem(key, value);"
    )
    known = json.loads(next(iter(stored.values())))["seen"][0]
    with serving(other) as url:
        later.goto(f"{url}/{address}&film=978-00001")
        dialog = later.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name="Dracula")).to_be_visible()
        expect(dialog).to_contain_text("of 50 books")
        later.keyboard.press("Escape")
        expect(later.locator("#picked button")).to_have_text([re.compile("^Emma"), re.compile("^Dracula")])
        expect(later.locator("#films article").first).to_be_visible()
        with later.expect_request("**/v1/recommendations") as sent:
            later.get_by_role("button", name="Recommend from my ratings").click()
        body = sent.value.post_data_json
        assert body["item_ids"] == [ODD_ID, "978-00001"]
        assert [rating["item_id"] for rating in body["ratings"]] == [known["movie_id"]]
        assert known["movie_id"] in map(str, books.catalog.item_ids)  # with all digits
        expect(later.locator("#status")).to_contain_text("Picked from 50 books")
