"""Posters: drawn by the page, by TMDB where a key is set, and drawn again where TMDB has none or doesn't answer."""

import socket
import struct
import zlib

import pytest

from marquee.bundle import load
from tests.browser.tidy import WATCH_CSP, assert_tidy
from tests.unit.reranker.tmdb_server import TmdbServer
from tests.waiting import until

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
ALL_THERE = (
    "[...document.querySelectorAll('#films img')].every((image) => image.complete && image.naturalWidth === 342)"
)
ON_TOP = """() => {
  const counts = { img: 0, svg: 0 };
  for (const box of document.querySelectorAll("#films .poster")) {
    box.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, top, width, height } = box.getBoundingClientRect();
    const all = document.elementsFromPoint(left + width / 2, top + height / 2);
    const there = all.find((it) => it.tagName !== "A"); // below the link that opens the film's details
    counts[there.tagName === "IMG" ? "img" : there.closest("svg") ? "svg" : "other"] += 1;
  }
  return counts;
}"""


def green_png(width=342, height=513):
    """A picture that a browser can decode, as large as TMDB's."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + b"\x20\x90\x40" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def tmdb():
    server = TmdbServer()
    yield server
    server.close()


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


TITLES = (
    "Memento", "Twelve Monkeys", "The Sound of Music", "All About Eve", "Eat Drink Man Woman", "WWWWW MMMMM",
    "Star Wars: Episode IV - A New Hope", "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb", "M",
    "The King of Comedy", "Koyaanisqatsi", "Eternal Sunshine of the Spotless Mind", "It's a Wonderful Life",
)  # fmt: skip
STICKS_OUT = """async (titles) => {
  const { poster } = await import("/ui/poster.js");
  const found = [];
  for (const title of titles) for (let year = 1990; year < 2010; year += 1) {  // each year another layout
    const svg = poster({ title, year, genres: ["Drama"] });
    document.body.append(svg);
    for (const text of svg.querySelectorAll("text")) {
      const { x, y, width, height } = text.getBBox();
      if (x < 0 || x + width > 200 || y < 0 || y + height > 300) found.push(`${text.textContent}: ${x}, ${width}`);
      if (/^[-–]/.test(text.textContent)) found.push(`begins with a dash: ${text.textContent}`);
    }
    svg.remove();
  }
  return found;
}"""


def test_no_title_sticks_out_of_its_poster(page, url):
    page.goto(url)
    assert page.evaluate(STICKS_OUT, TITLES) == []


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


def test_pictures_of_tmdb_arrive_in_the_cards_by_way_of_our_server(new_page, serving, store, tmdb):
    ids = load(store).catalog.tmdb_ids.tolist()
    tmdb.pictures = {f"film-{tmdb_id}.jpg": (200, "image/png", green_png()) for tmdb_id in ids}
    # Some are lost.
    tmdb.pictures |= {f"film-{tmdb_id}.jpg": (500, "text/plain", b"no") for tmdb_id in ids[::3]}
    with serving(store, tmdb_key="0" * 32, tmdb_url=tmdb.url, tmdb_image_url=tmdb.url) as address:
        page = new_page(360, "dark")
        page.context.add_init_script(WATCH_CSP)
        answers = {}
        page.on("response", lambda answer: "/v1/posters/" in answer.url and answers.update({answer.url: answer.status}))
        page.goto(address)
        expect(page.locator("#films li")).to_have_count(12)
        for card in page.locator("#films li").all():
            card.scroll_into_view_if_needed()  # pictures load when they are about to be seen
        until(lambda: len(answers) == 12 and page.evaluate(ALL_THERE), what="the pictures")
        shown = page.locator("#films img").evaluate_all("(all) => all.map((image) => image.src)")
        assert shown
        assert sorted(shown) == sorted(url for url, status in answers.items() if status == 200)
        assert 404 in answers.values()
        # Where one arrived it covers the drawing, and where none did the drawing is to be seen.
        assert page.evaluate(ON_TOP) == {"img": len(shown), "svg": 12 - len(shown)}
        expect(page.locator("footer")).to_contain_text("uses the TMDB API but is not endorsed or certified by TMDB")
        assert_tidy(page)
        assert all("404" in text for text in page.complaints)  # the browser's own notes of those that are lost
        page.complaints.clear()
        page.context.close()
