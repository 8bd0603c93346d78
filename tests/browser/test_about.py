"""The panel "About this model" in a real browser: by keyboard, on a narrow screen, and for bundles that say little."""

import dataclasses
import re

import pytest

from marquee.bundle import DataInfo, Metrics, publish
from tests.sample import load_sample

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
METRICS = {
    "protocol": "few-seeds/1 positive>=4 min_positives=20 draws=3 folds=5/5 seed=1",
    "n_people": 465,
    "ndcg@10": {k: {"pipeline": 0.519, "popularity": 0.402, "edlae": 0.492} for k in ("1", "3", "5", "10")},
    "ci95": {k: {"pipeline": [0.494, 0.542], "popularity": [0.375, 0.428]} for k in ("1", "3", "5", "10")},
    "beyond": {
        "5": {
            "pipeline": {
                "coverage@10": 0.42,
                "stratified_recall@20": 0.2,
                "head_share@10": 0.9,
                "niche_ndcg@10": 0.466,
            },
            "popularity": {"coverage@10": 0.21, "stratified_recall@20": 0.1, "niche_ndcg@10": 0.354},
        }
    },
    "calibration": {"two_tower": {"ece": 0.0064}, "popularity": {"ece": None}},
}
COUNTS = {"ratings": 100836, "people": 610, "rated_movies": 49, "newest_rating_year": 2018}


@pytest.fixture(scope="module")
def url(serving, tmp_path_factory, make_contents):
    store = tmp_path_factory.mktemp("store")
    data = DataInfo(name="ml <b>small</b>", sha256="a" * 64, counts=COUNTS)
    config = {"item_cf": "ease", "item_cf_min_positives": 3}
    metrics = Metrics.model_validate(METRICS)
    publish(store, dataclasses.replace(make_contents(), metrics=metrics, data=data, config=config))
    with serving(store) as address:
        yield address


@pytest.fixture(scope="module")
def bare_url(serving, tmp_path_factory):
    store = tmp_path_factory.mktemp("bare")
    publish(store, load_sample(), force=True)
    with serving(store) as address:
        yield address


@pytest.fixture
def page(new_page):
    return new_page(360)


def test_it_shows_figures_limits_and_use(page, url):
    page.goto(url)
    page.get_by_role("button", name="About this model").click()
    panel = page.get_by_role("dialog", name="About this model")
    expect(panel).to_contain_text("ml <b>small</b>: 100,836 ratings by 610 people")
    expect(panel).to_contain_text(re.compile("90 % of .* most liked tenth"))
    accuracy = panel.get_by_role("table").first
    expect(accuracy.get_by_role("row").nth(1)).to_have_text(re.compile(r"full pipeline.*\.52\.49–\.54"))
    expect(accuracy.get_by_role("columnheader")).to_have_text(["1", "3", "5", "10"])
    expect(panel.get_by_role("table").nth(1)).to_contain_text("42 %21 %")
    expect(panel.get_by_role("table").nth(2)).to_contain_text("0.6 points")
    expect(panel.get_by_role("heading", name="What it is for")).to_be_visible()
    for element in ("document.documentElement", "document.getElementById('about-body')"):
        assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth"), element


def test_the_keyboard_opens_reads_and_closes_it(page, url):
    page.goto(url)
    opener = page.get_by_role("button", name="About this model")
    opener.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog")
    expect(panel.get_by_role("button", name="Close")).to_be_focused()
    expect(panel.get_by_role("table").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#about-body")).to_be_focused()
    page.keyboard.press("End")
    expect(panel.get_by_role("heading", name="What it is for")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # on Close
    expect(panel).to_be_hidden()


def test_a_bundle_without_figures_says_what_is_not_known(page, bare_url):
    page.goto(bare_url)
    page.get_by_role("button", name="About this model").click()
    panel = page.get_by_role("dialog")
    expect(panel.get_by_role("heading", name="Not known of this model")).to_be_visible()
    expect(panel).to_contain_text("how accurate")
    expect(panel.get_by_role("table")).to_have_count(0)
    for odd in ("null", "undefined", "NaN"):
        assert odd not in panel.inner_text()


def test_without_a_bundle_it_says_so_in_words(browser, serving, tmp_path):
    with serving(tmp_path / "none") as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("button", name="About this model").click()
        expect(page.get_by_role("alert")).to_contain_text("Not just now: waiting for a bundle")
        page.mouse.click(2, 2)  # beside the panel
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.close()
