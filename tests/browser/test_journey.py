"""One visit that uses everything the page offers, on a phone and a tablet, by day and by night.

The other files look closely at one thing each; here all of it has to go well together, without a complaint of the
browser, a breach of the content policy, or a control that covers another.
"""

import re
from pathlib import Path

import pytest

from tests.browser.tidy import UNTIDY, WATCH_CSP, assert_tidy, moving
from tests.waiting import until

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
SIZES = [(360, "dark"), (768, "light")]
SWEEP = Path(__file__).parents[2] / "docs" / "sweep.png"
WHY = re.compile("^(Because you liked|A favourite|In genres|From the same|As well known|Far from|Not close)")
CLIPBOARD = ["clipboard-read", "clipboard-write"]


@pytest.fixture(scope="module")
def url(serving, store):
    with serving(store, operator=True, sweep_plot=SWEEP) as address:
        yield address


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}-{size[1]}")
def page(new_page, request):
    page = new_page(*request.param, permissions=CLIPBOARD)
    page.context.add_init_script(WATCH_CSP)
    return page


def settled(page):
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator(".skeleton")).to_have_count(0)


def titles(page):
    settled(page)
    return page.locator("#films h3").all_inner_texts()


def chips(page):
    return page.locator("#picked li")


def open_dials(page):
    if page.get_by_role("slider", name="Novelty").is_hidden():  # closed where there is little room
        page.get_by_text("Dials and filters", exact=True).click()


def search_sees_through_typos(page):
    expect(page.locator("#status")).to_contain_text("Like a film or two here")
    for typed, title in (("matrix reloadde", "The Matrix Reloaded"), ("toy stori", "Toy Story")):
        page.get_by_role("combobox").press_sequentially(typed)
        option = page.get_by_role("option").filter(has_text=re.compile(rf"^{title} \("))
        expect(option).to_be_visible()
        assert_tidy(page)
        option.click()
        expect(chips(page).last).to_contain_text(title)


def a_sentence_becomes_chips(page):
    page.get_by_label("Or say it in words").fill("not the matrix, after 1950, no horror")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator("#heard")).to_contain_text("Understood:")
    expect(page.locator("#picked .dislike")).to_contain_text("The Matrix (")
    expect(page.locator("#picked .none")).to_contain_text("Horror")
    expect(page.locator("#picked .year input")).to_have_count(1)
    settled(page)
    assert "Horror" not in " ".join(page.locator("#films .facts").all_inner_texts())
    assert_tidy(page)


def cards_tell_why_and_take_a_verdict(page):
    settled(page)
    expect(page.locator("#status")).to_have_text(re.compile(r"^Picked from 50 films, for"))
    expect(page.locator("#films .because").first).to_have_text(
        re.compile(r"^(Because you liked|A favourite|In genres|From the|As well|Far from|Not close)")
    )
    for words in ("Like", "Not for me:", "Hide"):
        before, n_chips = titles(page), chips(page).count()
        page.get_by_role("button", name=f"{words} {before[0]}", exact=True).click()
        expect(chips(page)).to_have_count(n_chips + 1)
        expect(page.locator("#toast")).to_contain_text(before[0])
        assert before[0] not in titles(page)
        assert_tidy(page)
        page.locator("#undo").click()
        expect(chips(page)).to_have_count(n_chips)
        expect(page.locator("#films h3")).to_have_text(before)
    page.get_by_role("button", name=f"More like {before[0]}", exact=True).click()
    expect(page.locator("#results-title")).to_contain_text(f"Films like {before[0]}")
    settled(page)
    assert_tidy(page)
    page.get_by_role("button", name="Back to your recommendations").click()
    expect(page.locator("#films h3")).to_have_text(before)


def dials_and_filters_count(page):
    open_dials(page)
    for dial in ("Diversity", "Novelty"):
        with page.expect_response("**/v1/recommendations") as answered:
            page.get_by_role("slider", name=dial).press("End")
        assert answered.value.request.post_data_json[dial.lower()] == 1
    expect(page.locator("#picked .dial")).to_have_text([re.compile("as varied as can be"), re.compile("hidden gems")])
    page.locator("#genres").get_by_text("Drama", exact=True).click()
    expect(page.locator("#picked .any")).to_contain_text("Drama")
    settled(page)
    assert all("Drama" in facts for facts in page.locator("#films .facts").all_inner_texts())
    expect(page.locator("#notes")).to_contain_text("Few films fit what you asked for.")
    assert_tidy(page)


def a_copied_link_brings_it_all_back(page):
    before, n_chips = titles(page), chips(page).count()
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#toast-text")).to_have_text("Link copied. It opens what you see now.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert "diversity=1" in link
    other = page.context.new_page()
    other.goto(link)
    expect(other.locator("#films h3")).to_have_text(before)
    expect(chips(other)).to_have_count(n_chips)
    other.close()


def no_film_fits_and_a_mistake_are_said(page):
    open_dials(page)
    page.locator("#year-to").fill("1940")
    page.locator("#year-to").press("Enter")
    expect(page.locator("#films li:not(.skeleton)").first).to_be_visible()  # the years between them
    assert_tidy(page)
    page.locator("#year-from").fill("2090")
    page.locator("#year-from").press("Enter")
    page.locator("#year-to").fill("")
    page.locator("#year-to").press("Enter")
    expect(page.locator("#status")).to_contain_text("No film fits these filters.")
    assert_tidy(page)
    page.get_by_role("button", name="Reset dials and filters").click()
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    expect(page.locator("#trouble")).to_be_hidden()


def without_network_it_stays_as_it_is(page):
    before = titles(page)
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("You are offline. What you see stays.")
    expect(page.locator("#films h3")).to_have_text(before)
    assert_tidy(page)
    page.context.set_offline(False)
    expect(page.locator("#trouble")).to_be_hidden()
    settled(page)
    page.complaints[:] = [text for text in page.complaints if "ERR_INTERNET_DISCONNECTED" not in text]


def the_operator_sees_the_process_and_the_sweep(page):
    page.get_by_role("tab", name="Operator").click()
    panel = page.get_by_role("tabpanel", name="Operator")
    expect(panel.locator(".tiles dd")).to_have_count(6)
    expect(panel.locator(".way")).to_have_count(12)
    expect(panel.locator("#card dl")).to_be_visible()
    expect(panel.locator("#versions table")).to_be_visible()
    sweep = panel.get_by_role("img", name="Accuracy against variety and novelty")
    sweep.scroll_into_view_if_needed()
    until(lambda: sweep.evaluate("(image) => image.naturalWidth"), what="the picture of the sweep")
    width = sweep.bounding_box()["width"]
    assert 250 < width <= page.viewport_size["width"]
    assert_tidy(page)
    page.get_by_role("tab", name="Films").click()
    expect(page.locator("#films li")).to_have_count(12)


def start_over_and_take_a_taste(page):
    page.get_by_role("button", name="Start over").click()
    expect(chips(page)).to_have_count(0)
    page.get_by_role("button", name="Studio Ghibli").click()
    expect(page.locator("#picked .like")).to_have_count(4)
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    assert_tidy(page)
    page.keyboard.press("Control+z")
    expect(page.get_by_role("button", name="Surprise me")).to_be_visible()


def test_a_visit_that_uses_everything(page, url):
    page.goto(url)
    assert_tidy(page)
    search_sees_through_typos(page)
    a_sentence_becomes_chips(page)
    cards_tell_why_and_take_a_verdict(page)
    dials_and_filters_count(page)
    a_copied_link_brings_it_all_back(page)
    no_film_fits_and_a_mistake_are_said(page)
    without_network_it_stays_as_it_is(page)
    the_operator_sees_the_process_and_the_sweep(page)
    start_over_and_take_a_taste(page)


@pytest.mark.parametrize("reduced", ["reduce", "no-preference"])
def test_nothing_moves_for_those_who_asked_for_that(new_page, url, reduced):
    page = new_page(reduced_motion=reduced)
    page.goto(f"{url}/#films=1,7")
    settled(page)
    page.get_by_role("button", name="About this model").click()
    assert bool(moving(page)) == (reduced == "no-preference")
    if reduced == "reduce":
        page.get_by_role("button", name="Close").click()
        page.locator("#films [data-action=like]").first.click()
        assert not moving(page)


def test_the_look_for_what_is_untidy_finds_it(new_page, url):
    page = new_page()
    page.context.add_init_script(WATCH_CSP)
    page.goto(url)
    settled(page)
    assert_tidy(page)
    page.evaluate("document.getElementById('surprise').style.translate = '0 -2.5rem'")
    page.evaluate("document.getElementById('reroll').style.height = '20px'")
    page.evaluate("document.getElementById('reroll').style.minHeight = '0'")
    page.evaluate("document.getElementById('status').style.width = '2000px'")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: '1' }))")
    found = " ".join(page.evaluate(UNTIDY))
    for kind in ("sideways: ", "small: button reroll", "and button surprise"):
        assert kind in found, found
    until(lambda: page.evaluate("window.violations.length"), what="a breach of the policy")
    assert any("Content Security Policy" in text for text in page.complaints)
    page.complaints.clear()
