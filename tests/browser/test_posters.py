"""Posters: drawn by the page, by TMDB where a key is set, and drawn again where TMDB has none or doesn't answer."""

import socket

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect


def drawing(page):
    return page.locator("#films .poster svg").first.evaluate("(svg) => svg.outerHTML")


def test_the_same_film_always_looks_the_same_and_bears_its_title(new_page, url):
    first, second = new_page(360), new_page(1440, "dark")
    for page in (first, second):
        page.goto(f"{url}/#films=1")
        expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    assert drawing(first) == drawing(second)
    words = " ".join(first.locator("#films .poster").first.locator("text").all_text_contents()).lower()
    assert first.locator("#films h3").first.inner_text().lower() in words
    drawings = [svg.inner_html() for svg in first.locator("#films .poster svg").all()]
    assert len(set(drawings)) == len(drawings) == 12


def test_without_an_answer_of_tmdb_the_drawn_poster_stays(new_page, serving, store):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with serving(store, tmdb_key="not-a-key", tmdb_url=nobody, tmdb_image_url=nobody) as address:
        page = new_page()
        page.goto(address)
        with page.expect_response("**/v1/posters/*") as refused:
            page.reload()
        assert refused.value.status == 404
        expect(page.locator("footer")).to_contain_text("uses the TMDB API but is not endorsed or certified by TMDB")
        for card in page.locator("#films li").all():
            card.scroll_into_view_if_needed()  # pictures load when they are about to be seen
        expect(page.locator("#films img")).to_have_count(0)
        expect(page.locator("#films .poster svg").first).to_be_visible()
        assert page.complaints
        assert all("404" in text for text in page.complaints)  # the browser's own notes of them
        page.complaints.clear()
        page.context.close()
