"""Cards and what can be done with them: the list adapts, every step can be undone, the focus stays where it was."""

import re

import pytest

from marquee.bundle import load
from tests.waiting import until

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
SIZES = [(360, "light"), (1440, "dark")]


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}-{size[1]}")
def sized(new_page, request):
    return new_page(*request.param)


def first_card(page):
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    card = page.locator("#films article").first
    return card, card.locator("h3").inner_text()


def titles(page):
    return page.locator("#films h3").all_inner_texts()


def test_like_dislike_and_hide_change_the_list_at_once_and_undo_brings_it_back(new_page, url):
    sized = new_page(360)
    sized.goto(f"{url}/#films=1")
    for action, kind in (("Like", "like"), ("Not for me:", "dislike"), ("Hide", "hidden")):
        card, title = first_card(sized)
        before = titles(sized)
        card.get_by_role("button", name=f"{action} {title}", exact=True).click()
        expect(sized.locator(f"#picked .{kind}").last).to_contain_text(title)
        expect(sized.locator("#films h3", has_text=re.compile(f"^{title}$"))).to_have_count(0)
        sized.locator("#undo").click()
        expect(sized.locator("#picked li")).to_have_count(1)
        expect(sized.locator("#films h3")).to_have_text(before)
    assert sized.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_card_opens_with_details_and_links_elsewhere(sized, url):
    sized.goto(f"{url}/#films=1,13")
    card, title = first_card(sized)
    link = card.get_by_role("link", name=title)
    link.press("Enter")
    details = sized.get_by_role("dialog", name=re.compile(f"^{title}"))
    expect(details).to_contain_text(re.compile(r"(people|person|Nobody) in the data liked it"))
    expect(details.get_by_role("heading", name="Why it is here")).to_be_visible()
    addresses = details.get_by_role("link").evaluate_all("links => links.map((link) => link.href)")
    for start in ("https://www.themoviedb.org/movie/", "https://letterboxd.com/tmdb/", "https://www.imdb.com/find/?"):
        assert any(address.startswith(start) for address in addresses), start
    assert details.evaluate("box => box.scrollWidth <= box.clientWidth")
    sized.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(link).to_be_focused()
    expect(sized).to_have_url(re.compile("#films=1,13$"))
    link.click()
    expect(details).to_be_visible()
    sized.go_back()
    expect(details).to_be_hidden()
    sized.go_forward()
    expect(details).to_be_visible()
    details.get_by_role("list").filter(has_text="Film").last.get_by_role("link").first.click()
    expect(details).to_be_hidden()  # another film's are open
    sized.get_by_role("dialog").get_by_role("button", name="Like", exact=True).click()
    expect(sized.locator("#picked .like")).to_have_count(3)
    expect(sized.get_by_role("dialog")).to_have_count(0)
    sized.locator("#undo").click()
    expect(sized.locator("#picked .like")).to_have_count(2)
    expect(sized.get_by_role("dialog")).to_have_count(0)


def test_a_taste_is_of_its_genre_and_the_list_begins_in_sight(sized, url):
    sized.goto(url)
    sized.get_by_role("button", name="Nights of horror").click()
    expect(sized.locator("#picked .any")).to_contain_text("Horror")
    expect(sized.locator("#films .facts").first).to_contain_text("Horror")
    expect(sized.locator("#results-title")).to_be_in_viewport()
    expect(sized).to_have_title(re.compile(r"^Like Film \d+ \(\d{4}\) and 3 more · Marquee$"))


def test_a_dislike_goes_into_the_request(page, url):
    page.goto(f"{url}/#films=1")
    card, title = first_card(page)
    with page.expect_request("**/v1/recommendations") as sent:
        card.get_by_role("button", name=f"Not for me: {title}").click()
    asked = sent.value.post_data_json
    assert len(asked["disliked_movie_ids"]) == 1
    assert asked["movie_ids"] == [1]
    page.reload()  # the address has it, by another id
    with page.expect_request("**/v1/recommendations") as again:
        page.reload()
    assert again.value.post_data_json == asked


def test_the_focus_stays_in_the_list(page, url):
    page.goto(f"{url}/#films=1")
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    third = page.locator("#films li").nth(2).locator("[data-action=hide]")
    gone = third.get_attribute("aria-label")
    third.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=gone, exact=True)).to_have_count(0)
    expect(page.locator("#films li").nth(2).locator("[data-action=hide]")).to_be_focused()


def test_more_like_this_and_back(page, url):
    page.goto(f"{url}/#films=1")
    card, title = first_card(page)
    before = titles(page)
    card.get_by_role("button", name=f"More like {title}").click()
    expect(page.locator("#results-title")).to_contain_text(f"Films like {title}")
    assert page.locator("#picked li").count() == 1
    page.get_by_role("button", name="Back to your recommendations").click()
    expect(page.locator("#films h3")).to_have_text(before)
    page.go_back()
    expect(page.locator("#results-title")).to_contain_text(f"Films like {title}")


def test_the_keys_of_undo_and_redo(page, url):
    page.goto(url)
    page.get_by_role("button", name="Studio Ghibli").click()
    expect(page.locator("#picked .like")).to_have_count(4)
    page.keyboard.press("Control+z")
    expect(page.locator("#picked li")).to_have_count(0)
    expect(page.locator("#tastes")).to_be_visible()
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#picked .like")).to_have_count(4)
    page.get_by_role("button", name="Start over").click()
    expect(page.locator("#picked li")).to_have_count(0)


def test_a_surprise_brings_films_and_says_which(page, url):
    page.goto(url)
    page.get_by_role("button", name="Surprise me").click()
    expect(page.locator("#picked .like")).to_have_count(3)
    expect(page.locator("#toast-text")).to_contain_text("Drawn for you: ")
    expect(page.locator("#results-title")).to_have_text("Recommendations")


def test_a_year_is_changed_in_its_chip(page, url):
    page.goto(f"{url}/#films=1&from=1960")
    year = page.locator("#picked .year input")
    year.fill("1990")
    year.press("Enter")
    expect(page).to_have_url(re.compile("from=1990"))
    facts = page.locator("#films .facts")
    until(lambda: all(int(text[:4]) >= 1990 for text in facts.all_inner_texts()), what="films from 1990 on alone")


def test_a_newer_request_ends_the_older(page, url):
    page.add_init_script("""const ask = window.fetch; window.ended = [];
      window.fetch = (address, options) => {
        options?.signal?.addEventListener("abort", () => options.body && window.ended.push(JSON.parse(options.body)));
        return ask(address, options);
      };""")
    page.goto(f"{url}/#films=1")
    first_card(page)
    held = []
    page.route("**/v1/recommendations", lambda route: route.continue_() if held else held.append(route))
    page.locator("#genres").get_by_text("Drama", exact=True).click()
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    page.locator("#genres").get_by_text("Horror", exact=True).click()
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    until(lambda: page.evaluate("window.ended.length > 0"), what="the older request's end")
    assert page.evaluate("window.ended.at(-1).filters.genres_any") == ["Drama"]


def test_nothing_moves_when_an_answer_comes(page, url):
    """Each frame of a transition redraws the posters, which took longer than the answer itself."""
    page.goto(f"{url}/#films=1")
    first_card(page)[0].locator("[data-action=like]").click()
    expect(page.locator("#picked .like")).to_have_count(2)
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    assert page.evaluate("document.getAnimations().map((animation) => animation.transitionProperty)") == []


def a_film_that_is_not_known_yet(page, store):
    """One that came with none of the page's lists, so its title and its TMDB id have to be asked for."""
    text = page.locator("#catalog").text_content()
    known = {int(found) for found in re.findall(r'"movie_id": ?(\d+)', text)}
    return next(film for film in load(store).catalog.movie_ids.tolist() if film not in known)


def test_a_tab_that_is_opened_meanwhile_leaves_the_request_alone(page, url):
    held = []
    page.route("**/v1/recommendations", lambda route: held.append(route))  # noqa: PLW0108 (Playwright takes no bound method)
    page.goto(f"{url}/#films=1&not=4")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    page.get_by_role("tab", name="Operator").click()
    page.get_by_role("tab", name="Films").click()
    until(lambda: page.evaluate("1") and held, what="the request")
    expect(page.locator("#films")).to_have_css("opacity", "0.75")  # it took long, so the list is dimmed
    for route in held:
        route.continue_()
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#films")).to_have_css("opacity", "1")


def test_a_disliked_film_of_a_link_has_its_title_and_is_asked_for_once(page, url, store):
    page.goto(url)
    film = a_film_that_is_not_known_yet(page, store)
    page.goto(f"{url}/docs")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_request("**/v1/recommendations") as sent:
        page.goto(f"{url}/#films=1&not={film}")
    assert sent.value.post_data_json["disliked_movie_ids"] == [film]
    expect(page.locator("#picked .dislike button")).to_have_accessible_name(re.compile(rf"Film {film} \(\d{{4}}\)$"))
    assert sum(address.endswith(f"/v1/movies/{film}") for address in asked) == 1
