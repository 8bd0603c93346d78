"""Several people at one page, and the switches: what is asked, what cards say, links, undo, keys, narrow and dark."""

import re

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
TOGETHER = "#films=1,4&films2=7&not2=4&people=3&name2=Ann&films3=13"


@pytest.fixture
def phone(new_page):
    return new_page(360, "dark")


def person(page, name):
    return page.get_by_role("group", name="Who watches").get_by_role("button", name=re.compile(f"^{name}"))


def pick(page, query):
    page.get_by_role("combobox").fill(query)
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Enter")


def cards(page):
    expect(page.locator("#films > li:not(.skeleton)")).to_have_count(12)
    return page.locator("#films article")


def asked(page, act):
    """The body of the request for recommendations that `act` leads to."""
    with page.expect_request("**/v1/recommendations") as sent:
        act()
    return sent.value.post_data_json


def test_two_people_pick_and_see_what_suits_both(phone, url):
    page = phone
    page.goto(url)
    expect(page.get_by_role("group", name="Who watches")).to_have_count(0)
    pick(page, "matrix")
    cards(page)
    page.get_by_role("button", name="Watch together: add a person").click()
    expect(page.get_by_role("combobox", name="Films Person 2 likes")).to_be_focused()
    expect(page.locator("#people-status")).to_have_text("Person 2 has no film yet, so the list is for you only.")
    expect(page.locator("#results-title")).to_have_text("Recommendations")
    page.get_by_role("textbox", name="Name").fill("Ann")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Films Ann likes")).to_be_focused()
    body = asked(page, lambda: pick(page, "toy"))
    assert [len(each["movie_ids"]) for each in body["people"]] == [1, 1]
    assert "movie_ids" not in body
    assert "disliked_movie_ids" not in body
    expect(page.locator("#results-title")).to_have_text("Recommendations for you and Ann")
    expect(page.locator("#people-status")).to_be_hidden()
    first = cards(page).first
    fit = r"^(More (your|Ann’s) thing|(Hardly|Fair|Good|Very good|Great) for both)$"
    expect(first.locator(".affinity")).to_have_text(re.compile(fit))
    expect(first.get_by_role("list", name="How well it fits each of you").locator("li")).to_have_text(
        [re.compile(r"^You .*(try|match)$"), re.compile(r"^Ann .*(try|match)$")]
    )
    reasons = " ".join(page.locator(".because").all_inner_texts())
    assert "your The Matrix" in reasons
    assert "Ann’s Toy Story" in reasons
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_groups_affinity_is_the_sum_of_theirs(page, url):
    with page.expect_response("**/v1/recommendations") as got:
        page.goto(f"{url}/{TOGETHER}")
    film = got.value.json()["recommendations"][0]
    card = cards(page).first
    shown = card.locator(".each .bar > span").evaluate_all("bars => bars.map((bar) => parseFloat(bar.style.width))")
    assert shown == pytest.approx([100 * each["affinity_score"] for each in film["for_people"]], abs=0.01)
    expected = round(sum(each["affinity_score"] for each in film["for_people"]))
    words = ("Long shot for all", "Suits about 1 of 3", "Suits about 2 of 3", "Suits all of you")
    expect(card.locator(".affinity")).to_have_text(words[expected])
    widths = card.locator(".each .bar span").evaluate_all("all => all.map((bar) => parseFloat(bar.style.width))")
    assert widths == pytest.approx([100 * each["affinity_score"] for each in film["for_people"]], abs=0.01)


GROUP_MATCH = """async () => {
  const { groupMatch } = await import("/ui/words.js");
  const of = (...scores) => groupMatch(scores.reduce((a, b) => a + b) / scores.length, scores, ["You", "Ann", "Bo"]);
  return [of(0.7, 0.6), of(0.7, 0.1), of(0.04, 0.55), of(0.4, 0.5, 0.2), of(0.9, 0.9, 0.8), of(0.1, 0.1, 0.1)];
}"""


def test_a_film_for_one_of_two_is_not_called_fair_for_both(page, url):
    page.goto(url)
    assert [text.replace("\u00a0", " ") for text in page.evaluate(GROUP_MATCH)] == [
        "Very good for both",
        "More your thing",
        "More Ann’s thing",
        "Suits about 1 of 3",
        "Suits all of you",
        "Long shot for all",
    ]


def test_what_is_done_to_a_card_is_the_selected_persons(page, url):
    page.goto(f"{url}/{TOGETHER}")
    cards(page)
    person(page, "Ann").click()
    expect(person(page, "Ann")).to_be_focused()
    expect(person(page, "Ann")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#picked .like")).to_have_text(re.compile("^Toy Story"))
    body = asked(page, page.locator("[data-action=dislike]").first.click)
    assert [len(each["disliked_movie_ids"]) for each in body["people"]] == [0, 2, 0]
    expect(page.locator("#toast-text")).to_have_text(re.compile("^Less like .* for Ann.$"))
    body = asked(page, page.locator("[data-action=like]").first.click)
    assert [len(each["movie_ids"]) for each in body["people"]] == [2, 2, 1]
    body = asked(page, page.locator("[data-action=hide]").first.click)
    assert len(body["exclude_movie_ids"]) == 1  # nobody's in particular


def test_a_sentence_and_a_taste_go_to_the_selected_person(page, url):
    page.goto(f"{url}/#films=1&people=3&who=2")
    cards(page)
    page.get_by_label("Or say it in words").fill("like Toy Story")
    body = asked(page, lambda: page.keyboard.press("Enter"))
    assert [each["movie_ids"] for each in body["people"]] == [[1], [7]]
    person(page, "Person 3").click()
    body = asked(page, lambda: page.get_by_role("button", name="Studio Ghibli").click())
    assert len(body["people"]) == 3
    expect(page.locator("#toast-text")).to_have_text("Studio Ghibli chosen for Person 3.")
    expect(page.locator("#results-title")).to_have_text("Recommendations for you, Person 2 and Person 3")


def test_selecting_asks_nothing_and_is_no_step_of_undo(page, url):
    page.goto(f"{url}/{TOGETHER}")
    cards(page)
    page.locator("[data-action=hide]").first.click()
    expect(page.locator("#picked .hidden")).to_have_count(1)
    cards(page)
    sent = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    for name in ("Ann", "Person 3"):
        person(page, name).click()
        expect(person(page, name)).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile("who=3"))
    assert sent == []
    page.keyboard.press("Control+z")
    expect(page.locator("#picked .hidden")).to_have_count(0)
    assert page.locator("#undo").is_disabled()


def test_people_are_added_renamed_removed_and_every_step_is_undone(page, url):
    page.goto(f"{url}/{TOGETHER}")
    cards(page)
    person(page, "Ann").click()
    page.get_by_role("button", name="Remove Ann").click()
    expect(page.locator("#people-list [aria-pressed]")).to_have_text([re.compile("^You"), re.compile("^Person 3")])
    expect(person(page, "Person 3")).to_be_focused()
    expect(page.locator("#results-title")).to_have_text("Recommendations for you and Person 3")
    page.get_by_role("button", name="Remove Person 3").click()
    expect(page.get_by_role("group", name="Who watches")).to_have_count(0)
    expect(page.locator("#results-title")).to_have_text("Recommendations")
    expect(page.locator("#picked .like")).to_have_count(2)
    expect(page.locator("#toast-text")).to_have_text("Person 3 removed.")
    page.locator("#toast-undo").click()
    expect(page.locator("#people-list [aria-pressed]")).to_have_count(2)
    page.locator("#undo").click()
    expect(person(page, "Ann")).to_be_visible()
    expect(page.locator("#results-title")).to_have_text("Recommendations for you, Ann and Person 3")
    for n in range(4, 9):
        page.get_by_role("button", name="Add a person", exact=True).click()
        expect(page.locator("#people-list [aria-pressed]")).to_have_count(n)
    expect(page.get_by_role("button", name="Add a person", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("group", name="Who watches")).to_have_count(0)


def test_a_link_carries_people_and_switches_and_old_links_mean_what_they_did(page, url):
    page.goto(f"{url}/{TOGETHER}&who=2&series=1")
    shared = asked(page, page.reload)
    assert [each["movie_ids"] for each in shared["people"]] == [[1, 4], [7], [13]]
    assert shared["one_per_franchise"] is True
    expect(person(page, "Ann")).to_have_attribute("aria-pressed", "true")
    name = "Zoë & <b>, 1=2"
    page.get_by_role("textbox", name="Name").fill(name)
    page.keyboard.press("Tab")
    expect(page.locator("#results-title")).to_have_text(f"Recommendations for you, {name} and Person 3")
    assert asked(page, page.reload) == shared
    expect(page.get_by_role("textbox", name="Name")).to_have_value(name)
    page.goto("about:blank")
    old = asked(page, lambda: page.goto(f"{url}/#films=1,4&not=7&hide=13&genres=Drama&diversity=0.4"))
    assert old["movie_ids"] == [1, 4]
    assert "people" not in old
    assert "several_interests" not in old
    assert "one_per_franchise" not in old
    for edited in ("people=99", "people=2.5", "people=x&who=7", "people=1&films2=7"):
        page.goto("about:blank")
        assert asked(page, lambda edited=edited: page.goto(f"{url}/#films=1&{edited}"))["movie_ids"] == [1]


def test_the_switches(page, url):
    page.goto(f"{url}/#films=1,7")
    cards(page)
    page.locator("#dials").evaluate("box => { box.open = true; }")
    mix, series = (page.get_by_role("switch", name=name) for name in ("A mix of my tastes", "One film per series"))
    assert asked(page, mix.check)["several_interests"] is True
    assert asked(page, series.check)["one_per_franchise"] is True
    expect(page.locator("#picked .dial")).to_have_text([re.compile("^a mix of my tastes"), re.compile("^one film per")])
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    page.get_by_role("button", name="Watch together: add a person").click()
    expect(mix).to_be_enabled()  # until both have films
    body = asked(page, lambda: pick(page, "amelie"))
    assert len(body["people"]) == 2
    assert "several_interests" not in body
    assert body["one_per_franchise"] is True
    expect(mix).to_be_disabled()
    expect(mix).to_have_accessible_description(re.compile("^Not while several people have films"))
    page.keyboard.press("Control+z")
    expect(mix).to_be_checked()
    assert "one_per_franchise" not in asked(page, page.get_by_role("button", name="Reset dials and filters").click)
    expect(mix).not_to_be_checked()


def test_keys_alone(page, url):
    page.goto(f"{url}/{TOGETHER}")
    cards(page)
    person(page, "You").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(person(page, "Ann")).to_be_focused()
    for _ in range(3):  # Person 3, "Add a person", the name
        page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Remove Ann")).to_be_focused()
    page.keyboard.press("Enter")
    expect(person(page, "Person 3")).to_be_focused()


def test_only_one_has_films_whoever_is_selected(page, url):
    body = asked(page, lambda: page.goto(f"{url}/#films2=7&not=4&people=2"))
    assert body["movie_ids"] == [7]
    assert body["disliked_movie_ids"] == []  # of somebody who is left out
    expect(page.locator("#people-status")).to_have_text("You have no film yet, so the list is for Person 2 only.")
    cards(page)


def test_cut_off_it_keeps_the_people_and_what_it_shows(page, url):
    page.goto(f"{url}/{TOGETHER}")
    before = cards(page).locator("h3").all_inner_texts()
    page.context.set_offline(True)
    person(page, "Ann").click()
    page.get_by_role("button", name="Remove Ann").click()
    expect(page.get_by_role("alert")).to_contain_text("What you see stays.")
    assert page.locator("#films h3").all_inner_texts() == before
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#results-title")).to_have_text("Recommendations for you and Person 3")
    page.complaints[:] = [text for text in page.complaints if "ERR_INTERNET_DISCONNECTED" not in text]


def test_the_operators_picture_is_of_the_selected_person(page, url):
    page.goto(f"{url}/{TOGETHER}&who=2")
    cards(page)
    with page.expect_request("**/v1/explain") as sent:
        page.get_by_role("tab", name="Operator").click()
    assert sent.value.post_data_json["movie_ids"] == [7]
    assert "people" not in sent.value.post_data_json
    expect(page.locator("#request")).to_contain_text("A request for Ann’s films alone")
    expect(page.locator("#request svg").first).to_be_visible()


def test_many_people_stay_readable(new_page, url):
    page = new_page(360)
    films = "&".join(f"films{n}={3 * n + 1}" for n in range(2, 9))
    page.goto(f"{url}/#films=1&{films}&people=8&name2={'W' * 30}&who=2")
    expect(page.locator("#results-title")).to_have_text("Recommendations for the 8 of you")
    expect(cards(page).first.locator(".each li")).to_have_count(8)
    for text in page.locator(".because").all_inner_texts():
        assert text.count("; ") <= 3
    assert page.get_by_role("textbox", name="Name").input_value() == "W" * 20
    assert page.locator("#person-name").bounding_box()["width"] > 100
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_answer_that_falls_short_says_so_and_an_empty_one_only_once(page, url):
    page.goto(f"{url}/#films=1,7&series=1")
    expect(page.locator("#notes")).to_have_text("Few films fit what you asked for.")
    page.goto(f"{url}/#films=1,7&from=2090")
    expect(page.locator("#status")).to_have_text(re.compile("^No film fits these filters."))
    expect(page.locator("#notes")).to_be_hidden()
