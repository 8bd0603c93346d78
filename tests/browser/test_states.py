"""What the page does without a network, what it weighs, how fast and how steady it is, and what axe finds in it."""

import re

import pytest

from marquee_reranker.routes.page import UI
from tests.browser.tidy import assert_accessible
from tests.waiting import until

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
MOST_BYTES = 150_000
STATES = {
    "start": "/",
    "list": "/#films=1,7&not=4&from=1960&genres=Drama",
    "similar": "/#films=1&near=7",
    "details": "/#films=1&film=7",
    "empty": "/#films=1&from=2090",
    "together": "/#films=1,4&films2=7&not2=4&people=4&name2=Ann&films3=13",
    "operator": "/#films=1&tab=operator",
}
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
SHIFTS = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput) window.shifted = (window.shifted ?? 0) + entry.value;
}).observe({ type: "layout-shift", buffered: true })"""


def settled(page):
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator(".skeleton")).to_have_count(0)


def test_cut_off_it_keeps_what_it_shows_and_goes_on_by_itself(new_page, url):
    page = new_page()
    page.goto(f"{url}/#films=1")
    settled(page)
    before = page.locator("#films h3").all_inner_texts()
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("You are offline.")
    page.locator("#genres").get_by_text("Horror", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("What you see stays.")
    expect(page.locator("#films h3")).to_have_text(before)
    page.get_by_role("combobox").fill("matrix")
    expect(page.locator("#suggestions")).to_contain_text("You are offline.")
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#films h3")).not_to_have_text(before)
    page.complaints[:] = [text for text in page.complaints if "ERR_INTERNET_DISCONNECTED" not in text]


def test_its_weight():
    """What a first visit loads; the rest is imported when it is wanted."""
    files = {path.name: path.read_bytes() for path in UI.iterdir() if path.suffix in {".html", ".js", ".css"}}
    later = {name.decode() for text in files.values() for name in re.findall(rb'import\("\./(\w+\.js)"\)', text)}
    assert "exports.js" in later
    assert sum(len(text) for name, text in files.items() if name not in later) < MOST_BYTES


@pytest.mark.parametrize("width", [360, 1440])
def test_first_paint_and_no_jumping(new_page, url, width):
    page = new_page(width)
    page.add_init_script(SHIFTS)
    held, painted = [], []
    page.route("**/v1/**", lambda route: route.continue_() if painted else held.append(route))
    page.goto(f"{url}/#films=1,7", wait_until="commit")
    until(lambda: page.evaluate(f"{PAINT} > 0"), what="the first paint, for which no answer is needed")
    painted.append(True)
    for route in held:
        route.continue_()
    settled(page)
    assert page.evaluate("window.shifted ?? 0") < 0.05


# Contrast depends on the scheme and layout on the width, so two of the six pairs meet every rule that the six would.
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_axe_finds_nothing_serious(new_page, url, width, scheme):
    page = new_page(width, scheme, bypass_csp=True)
    for state, address in STATES.items():
        page.goto(url + address)  # the same page goes on, in another state
        if state == "operator":
            expect(page.locator("#request svg").first).to_be_visible()
            expect(page.locator("#card dl")).to_be_visible()
        elif state == "empty":
            expect(page.locator("#status")).to_contain_text("No film fits")
        elif state != "start":
            expect(page.locator("#films > li:not(.skeleton)").first).to_be_visible()
        if state == "details":
            expect(page.get_by_role("dialog")).to_contain_text("Elsewhere")
        if state == "together":
            page.locator("#dials").evaluate("box => { box.open = true; }")
        settled(page)
        assert_accessible(page, state)
