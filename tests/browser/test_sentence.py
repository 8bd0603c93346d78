"""The line in plain words: what the server understood becomes chips like all others."""

import re
from urllib.parse import quote

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect


def say(page, words):
    page.get_by_label("Or say it in words").fill(words)
    page.get_by_label("Or say it in words").press("Enter")


def test_its_parts_become_chips_that_can_go_one_by_one(page, url):
    page.goto(url)
    say(page, "like toy story, not the matrix, after 1960, no horror")
    expect(page.locator("#heard")).to_contain_text("Understood: like Toy Story")
    expect(page.locator("#picked .like")).to_contain_text("Toy Story")
    expect(page.locator("#picked .dislike")).to_contain_text("The Matrix (")
    expect(page.locator("#picked .none")).to_contain_text("Horror")
    year = int(page.locator("#picked .year input").input_value())
    assert year in {1960, 1961}
    expect(page).to_have_url(re.compile(rf"#films=7&not=1&from={year}&without=Horror$"))
    page.get_by_role("button", name="Remove no Horror").click()
    expect(page.locator("#picked .none")).to_have_count(0)
    page.locator("#undo").click()
    expect(page.locator("#picked .none")).to_have_count(1)
    page.locator("#undo").click()
    expect(page.locator("#picked li")).to_have_count(0)


def test_a_second_sentence_adds_to_the_first_and_the_later_word_counts(page, url):
    page.goto(f"{url}/#films=7&genres=Horror")
    say(page, "no horror")
    expect(page.locator("#picked .none")).to_contain_text("Horror")
    expect(page.locator("#picked .any")).to_have_count(0)
    expect(page.locator("#picked .like")).to_have_count(1)


def test_years_are_said_once_and_genres_with_an_or(page, url):
    page.goto(url)
    say(page, "drama or horror from the 70s like toy story")
    expect(page.locator("#heard")).to_have_text(
        re.compile(r"^Understood: Drama or Horror, 1970 to 1979, like Toy Story \(\d{4}\)\.$")
    )
    expect(page.locator("#picked .any")).to_have_text([re.compile("^only ?Drama"), re.compile("^or ?Horror")])


def test_what_it_does_not_understand_it_says(page, url):
    page.goto(url)
    say(page, "qwrtz fgh")
    expect(page.locator("#heard")).to_contain_text("Not understood: “qwrtz fgh”")
    expect(page.locator("#picked li")).to_have_count(0)
    example = page.locator("#examples button").first
    words = example.inner_text()
    with page.expect_request("**/v1/understand?*") as asked:
        example.click()
    assert asked.value.url.endswith(f"q={quote(words)}")


def test_it_asks_which_film_is_meant_before_it_takes_a_guess(new_page, url):
    page = new_page(320)
    page.goto(url)
    say(page, "not like toy stori, no horror")  # codespell:ignore stori
    expect(page.locator("#heard")).to_contain_text("Understood: no Horror.")
    expect(page.locator("#heard")).to_contain_text("did you mean")
    expect(page.locator("#picked li")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#heard").get_by_role("button", name="Toy Story").click()
    expect(page.locator("#picked .dislike button")).to_have_accessible_name(re.compile("^Remove less like Toy Story"))
    expect(page.locator("#heard")).not_to_contain_text("did you mean")
