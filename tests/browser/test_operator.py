"""The operator's tab: figures of the process, and one request as a picture."""

from dataclasses import replace

import pytest

from marquee.bundle import load, publish

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect


@pytest.fixture(scope="module")
def url(serving, store):
    """With two versions, so that there is one to roll back to."""
    publish(store, replace(load(store), config={"seed": 2}), force=True)
    with serving(store, operator=True) as address:
        yield address


def test_it_shows_the_process_and_one_request(new_page, url):
    page = new_page(360, "dark")
    page.goto(f"{url}/#films=1,7")
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    page.get_by_role("tab", name="Films").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Operator")).to_be_focused()
    panel = page.get_by_role("tabpanel", name="Operator")
    expect(panel.get_by_role("row", name="two tower")).to_contain_text("100 %")
    expect(panel.locator("#versions")).to_contain_text("marquee rollback --store")
    expect(panel.locator("#versions")).to_contain_text("current")
    expect(panel.locator("#request")).to_contain_text("Liked: The Matrix")
    expect(panel.locator(".way")).to_have_count(12)  # as many as are shown
    panel.get_by_text("The same in figures").click()
    row = panel.get_by_role("region", name="The request in figures").get_by_role("row").nth(1)
    cells = [float(text) for text in row.get_by_role("cell").all_inner_texts()[3:]]
    assert cells[0] == pytest.approx(sum(cells[1:]), abs=0.05)  # the terms sum to the score
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.go_back()
    expect(page.locator("#films")).to_be_visible()
    expect(panel).to_be_hidden()


def test_it_is_not_there_where_the_server_does_not_show_it(new_page, serving, store):
    with serving(store) as address:
        page = new_page()
        page.goto(f"{address}/#films=1&tab=operator")
        expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
        expect(page.get_by_role("tab")).to_have_count(0)
        page.context.close()


def test_without_a_server_it_says_so_and_opens_when_one_is_back(page, url):
    page.goto(f"{url}/#films=1")
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    page.route("**/ui/operator.js", lambda route: route.abort())
    page.get_by_role("tab", name="Operator").click()
    panel = page.get_by_role("tabpanel", name="Operator")
    expect(panel.get_by_role("alert")).to_contain_text("The server can't be reached just now.")
    page.unroute("**/ui/operator.js")
    page.get_by_role("tab", name="Films").click()
    page.get_by_role("tab", name="Operator").click()
    expect(panel.get_by_role("heading", name="This server")).to_be_visible()
    expect(panel.get_by_role("alert")).to_have_count(0)
    page.complaints[:] = [text for text in page.complaints if "ERR_FAILED" not in text]  # the browser's own note


def test_nothing_is_asked_any_more_once_the_tab_is_left(page, url):
    page.clock.install()
    page.goto(f"{url}/#films=1")
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    asked = []

    def hold(route):
        asked.append(route)

    page.route("**/v1/operations", hold)
    with page.expect_request("**/v1/operations"):
        page.get_by_role("tab", name="Operator").click()
    page.get_by_role("tab", name="Films").click()
    expect(page.get_by_role("tabpanel", name="Operator")).to_be_hidden()
    with page.expect_response("**/v1/operations"):  # which comes late
        asked[0].continue_()
    expect(page.locator("#load .tiles")).to_have_count(1)
    page.clock.run_for(30_000)
    expect(page.locator("#films")).to_be_visible()
    assert len(asked) == 1
