"""The page in a real browser."""

import re

import pytest

from marquee.bundle import publish
from tests.waiting import until

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect


def pick(page, query):
    page.get_by_role("combobox").fill(query)
    expect(page.get_by_role("option").first).to_be_visible()
    page.get_by_role("option").first.click()


def test_search_pick_three_see_recommendations(page, url):
    page.goto(url)
    expect(page.locator("#status")).to_contain_text("Like a film or two here")
    for query in ("toy", "amelie", "matrix rel"):
        pick(page, query)
    chips = page.locator("#picked button")
    expect(chips).to_have_text(
        [re.compile(r"^Toy Story \(\d{4}\)"), re.compile(r"^Amélie <b> \(\d{4}\)"), re.compile(r"^The Matrix Reloaded")]
    )
    expect(page.locator("#films li")).to_have_count(12)
    expect(page.locator("#status")).to_have_text("Picked from 50 films, for the 3 you like.")
    card = page.locator("#films article").first
    expect(card.locator(".affinity")).to_have_text(re.compile(r"^(Worth a try|(Fair|Good|Very good|Great) match)$"))
    expect(card.locator(".poster svg")).to_be_visible()
    expect(page.locator(".because").first).to_have_text(re.compile(r"Because you liked \w+"))
    page.get_by_role("button", name="Show more films").click()
    expect(page.locator("#films li")).to_have_count(20)  # all candidates of this small bundle
    page.get_by_role("button", name=re.compile("Remove liked Toy Story")).click()
    expect(chips).to_have_count(2)


@pytest.mark.parametrize("width", [360, 1440])
def test_keyboard_alone(new_page, url, width):
    page = new_page(width)
    page.goto(url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the recommendations")).to_be_focused()
    for _ in range(3):  # the name, the tabs
        page.keyboard.press("Tab")
    search = page.get_by_role("combobox")
    expect(search).to_be_focused()
    page.keyboard.type("matrix")
    expect(page.get_by_role("option")).to_have_count(2)
    expect(search).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(search).to_have_attribute("aria-activedescendant", "option-1")
    chosen = page.get_by_role("option", selected=True).locator(".title").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("#picked button")).to_have_accessible_name(f"Remove liked {chosen}")
    expect(search).to_have_attribute("aria-expanded", "false")
    expect(page.locator("#films li")).to_have_count(12)
    page.keyboard.type("toy")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox", name="Films found")).to_be_hidden()
    search.fill("")
    for _ in range(3):  # the line in words and its button
        page.keyboard.press("Tab")
    expect(page.locator("#picked button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#picked button")).to_have_count(0)
    expect(search).to_be_focused()


FOCUSED = """() => {
  const it = document.activeElement;
  const { left, top, right, bottom } = (it.closest(".genres label") ?? it).getBoundingClientRect();
  return {
    name: it.outerHTML.slice(0, 90), nowhere: it === document.body || it === document.documentElement,
    seen: right > left && bottom > top && left >= 0 && right <= innerWidth + 1 && bottom > 0 && top < innerHeight,
    ring: getComputedStyle(it.closest(".genres label") ?? it).outlineStyle !== "none",
  };
}"""


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_tab_reaches_every_control_and_shows_where_it_is(new_page, url, width, scheme):
    page = new_page(width, scheme, reduced_motion="reduce")  # so that scrolling is over at once
    page.goto(f"{url}/#films=1&from=1960&genres=Drama,Comedy")
    expect(page.locator("#films li:not(.skeleton)").first).to_be_visible()
    controls = page.locator("button:visible:enabled:not([tabindex='-1']), input:visible, a:visible, summary:visible")
    wanted, stops = controls.count(), []
    for _ in range(wanted + 10):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop["nowhere"] or stop in stops[:1]:
            break
        stops.append(stop)
    assert len(stops) >= wanted
    assert [stop for stop in stops if not (stop["seen"] and stop["ring"])] == []


def test_a_shared_address_brings_everything_back(page, url):
    page.goto(f"{url}/#films=1,7,2&diversity=0.5&from=1960&genres=Drama")
    expect(page.locator("#picked .like button")).to_contain_text(["The Matrix", "Toy Story", "Film 2, not known here"])
    expect(page.get_by_role("slider", name="Diversity")).to_have_value("0.5")
    expect(page.locator("#year-from")).to_have_value("1960")
    expect(page.locator("#genres").get_by_role("checkbox", name="Drama")).to_be_checked()
    expect(page.locator("#films li").first).to_be_visible()
    for facts in page.locator(".facts").all_inner_texts():
        assert "Drama" in facts
        assert int(facts[:4]) >= 1960
    assert any("404" in text for text in page.complaints)  # the browser's own note of the film that isn't known
    page.complaints.clear()
    pick(page, "amelie")
    expect(page).to_have_url(re.compile(r"#films=1,7,2,10&diversity=0\.5&from=1960&genres=Drama$"))


def test_a_browser_that_lets_nothing_be_copied_is_no_dead_end(page, url):
    devtools = page.context.new_cdp_session(page)
    where = {"origin": url, "browserContextId": devtools.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]}
    refused = {"permission": {"name": "clipboard-write"}, "setting": "denied"}
    devtools.send("Browser.setPermission", where | refused)
    page.goto(f"{url}/#films=1")
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#toast-text")).to_have_text("The address above is the link: copy it from there.")


def test_dials_and_filters_go_into_the_request(page, url):
    page.goto(f"{url}/#films=1")
    expect(page.locator("#films li")).to_have_count(12)
    with page.expect_request("**/v1/recommendations") as sent:
        page.get_by_role("slider", name="Novelty").press("ArrowRight")
    assert sent.value.post_data_json["novelty"] == 0.55
    assert "diversity" not in sent.value.post_data_json  # untouched: the bundle's own
    with page.expect_request("**/v1/recommendations") as sent:
        page.locator("#genres").get_by_text("Horror", exact=True).click()
    assert sent.value.post_data_json["filters"]["genres_any"] == ["Horror"]
    with page.expect_request("**/v1/recommendations") as sent:
        page.get_by_role("button", name="Reset dials and filters").click()
    assert sent.value.post_data_json["novelty"] == 0.5  # where the page begins
    assert sent.value.post_data_json["filters"] == {"genres_any": [], "genres_none": []}


def test_errors_and_emptiness_are_said_in_words(page, url):
    page.goto(f"{url}/#films=1&from=2090")
    expect(page.locator("#status")).to_contain_text("No film fits these filters")
    page.get_by_role("combobox").fill("zzzz")
    expect(page.locator("#suggestions")).to_have_text(
        re.compile(r"^No film has “zzzz” in its title; the newest here are from \d{4}\.$")
    )
    page.get_by_role("button", name="Remove the filters").click()
    expect(page.locator("#films li")).to_have_count(12)
    expect(page.locator("#results")).to_be_focused()
    expect(page.locator("#picked li")).to_have_count(1)
    page.goto(f"{url}/#from=2090")
    expect(page.locator("#status")).to_contain_text("No well-known film fits these filters.")
    page.get_by_role("button", name="Remove the filters").click()
    expect(page.locator("#films li")).to_have_count(12)


def test_years_and_genres_of_an_edited_link_never_end_in_an_error(page, url):
    page.goto(url)
    with page.expect_request("**/v1/recommendations") as sent:
        page.goto(f"{url}/#films=1&from=2000&to=1950&genres=Nope,Drama&without=Nope")
    filters = {"genres_any": ["Drama"], "genres_none": [], "year_min": 1950, "year_max": 2000}
    assert sent.value.post_data_json["filters"] == filters
    expect(page.locator("#films li:not(.skeleton)").first).to_be_visible()
    expect(page.locator("#trouble")).to_be_hidden()


def test_a_server_that_waits_for_its_bundle(browser, serving, tmp_path, make_contents):
    with serving(tmp_path) as address:
        page = browser.new_page()
        page.goto(f"{address}/#films=1")
        expect(page.locator("#trouble")).to_contain_text("Not just now: waiting for a bundle")
        publish(tmp_path, make_contents(), force=True)
        until(lambda: page.evaluate("fetch('/readyz').then((answer) => answer.ok)"), what="the bundle")
        expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)  # by itself
        expect(page.locator("#trouble")).to_be_hidden()
        page.close()


def test_a_phone_needs_no_sideways_scrolling(browser, url):
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    for path in ("/#films=1,7", "/docs", "/", "/#films=1,7&tab=operator"):
        page.goto(url + path)
        expect(page.locator("#films li:visible, table:visible").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_on_paper_there_is_the_list_and_no_control(page, url):
    page.goto(f"{url}/#films=1,7")
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    page.emulate_media(media="print")
    expect(page.locator("#films article").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    for control in page.locator("input, summary, button:not(.chips button)").all():
        expect(control).to_be_hidden()


def test_the_reference_shows_and_tries_the_api(new_page, url):
    page = new_page(360)
    page.goto(f"{url}/docs")
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="POST /v1/recommendations").click()
    expect(page.locator("section:target")).to_be_in_viewport()
    assert page.locator(".scroll").evaluate_all("boxes => boxes.every((box) => box.scrollWidth <= box.clientWidth)")
    section = page.locator("section").filter(has_text="/v1/recommendations").first
    expect(section.get_by_text("exclude_tmdb_ids")).to_be_visible()
    section.get_by_role("button", name="Send").click()
    expect(section.locator("pre")).to_contain_text('"served_by"')
