"""An export dropped on the page: read in the browser, asked about, recommended from, and kept as lists."""

import base64
import csv
import re
from pathlib import Path

import pytest

from marquee.bundle import publish
from marquee.ratings import read_export
from tests.browser.tidy import WATCH_CSP, assert_accessible, assert_tidy
from tests.exports import ODD, Film, bundle_of, films_of, imdb_csv, letterboxd_zip, movielens_csv, trakt_json

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
DROP = """([text, name]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name));
  for (const kind of ["dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture(scope="module")
def bundle(make_contents):
    return bundle_of(make_contents(1000))


@pytest.fixture(scope="module")
def url(serving, bundle, tmp_path_factory):
    store = tmp_path_factory.mktemp("ratings") / "store"
    publish(store, bundle, force=True)
    with serving(store) as address:
        yield address


def drop(page, data, name):
    page.evaluate(DROP, [base64.b64encode(data).decode(), name])


@pytest.mark.parametrize(("width", "bypass"), [(360, True), (1440, False)])
def test_an_export_becomes_recommendations_lists_and_a_portrait(new_page, url, bundle, width, bypass):
    page = new_page(width, "dark" if bypass else "light", accept_downloads=True, bypass_csp=bypass)
    page.add_init_script(WATCH_CSP)

    def accessible(page):
        assert dialog.evaluate("box => box.scrollWidth <= box.clientWidth")
        if bypass:
            assert_accessible(page)

    page.goto(url)
    given = [*films_of(bundle, 30 if bypass else 900), *(film for film, _ in ODD), Film("Film 7", 1999, 1, None)]
    drop(page, letterboxd_zip(given), "letterboxd.zip")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=re.compile(rf"\d+ of {len(given)} films found"))).to_be_visible()
    expect(dialog.get_by_text("Dune (2021) is perhaps")).to_be_visible()
    accessible(page)
    dialog.get_by_role("button", name="Dune (1984)").click()
    dialog.get_by_role("button", name="none of these").click()
    expect(dialog.get_by_role("heading", name=re.compile("question"))).to_have_count(0)
    dialog.get_by_text("not in this catalogue").click()
    expect(dialog.get_by_text("Tenet (2020)")).to_be_visible()
    dialog.get_by_role("button", name="Show my recommendations").click()
    expect(page.locator("#status")).to_contain_text("you rated or saw")
    expect(page.locator("#picked")).to_contain_text("films rated or seen")
    stored = page.evaluate("JSON.parse(localStorage['marquee-lists']).seen")
    seen = {f"{film['title']} ({film['year']})" for film in stored}
    assert {"Dune (1984)", "Seven (a.k.a. Se7en) (1995)"} < seen
    shown = page.locator("#films article").evaluate_all("cards => cards.map((card) => card.ariaLabel)")
    assert shown
    assert not seen & set(shown)
    assert_tidy(page)

    page.get_by_role("button", name="My taste portrait").click()
    expect(page.get_by_role("img", name=re.compile(r"^\d+ films, \d\.\d stars on average"))).to_be_visible()
    accessible(page)
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save as a picture").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
    dialog.get_by_role("button", name=re.compile(r"^\+ ")).first.click()
    page.keyboard.press("Escape")

    page.get_by_role("button", name="My lists").click()
    expect(dialog.get_by_role("heading", name="Watch list: 1 film")).to_be_visible()
    accessible(page)
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save as CSV").first.click()
    table = Path(saved.value.path()).read_bytes()
    rows = list(csv.DictReader(table.decode("utf-8-sig").splitlines()))
    assert {f"{row['Title']} ({row['Year']})" for row in rows} == seen
    assert len(read_export(table).rows) == len(rows)  # what it saves can be read again
    page.reload()  # the browser has it all
    expect(page.locator("#status")).to_contain_text("you rated or saw")
    assert page.evaluate("window.violations") == []


def test_what_is_marked_as_seen_is_gone_from_every_list(page, url):
    page.goto(f"{url}/#films=100,103")
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)
    card = page.locator("#films article").first
    title = card.locator("h3").inner_text()
    with page.expect_request("**/v1/recommendations") as sent:
        card.get_by_role("button", name=f"Seen {title}").click()
    assert len(sent.value.post_data_json["exclude_movie_ids"]) == 1
    expect(page.locator("#films h3", has_text=re.compile(f"^{title}$"))).to_have_count(0)
    page.get_by_role("button", name="My lists").click()
    page.get_by_role("button", name=re.compile(f"^Remove {title}")).click()
    page.keyboard.press("Escape")
    expect(page.locator("#films h3", has_text=re.compile(f"^{title}$"))).to_have_count(1)


def test_the_browser_reads_files_as_the_command_line_does(page, url, bundle):
    given = [*films_of(bundle, 30), *(film for film, _ in ODD), Film("Alien", 1979, 78748, None)]
    rated = [film for film in given if film.stars]
    files = [
        letterboxd_zip(given),
        imdb_csv(rated),
        trakt_json(rated),
        movielens_csv(bundle, films_of(bundle, 30)),
        b'title;year;rating;date\n"A; ""b""";1999;4,5;2024-02-30\nHeat;79;1\nc;;9\r\n\n,,1\nd,1,2,3;4;5;6;7\n',
        b"title,imdb_id,tmdb_id,movie_id,rating,timestamp\nHeat,123456789012345,99999999999,1.5,4,1e400\nA,tt0000012,,,nan,\n",
        b"title,rating,date\nHeat,1,964982703000000\nAlien,0,-5\nUp,-1,\nDune,,\n",
        b"title,liked\nHeat,TRUE\nAlien,false\n",
        b"Title,Rating10,imdbID\nHeat,5,tt0113277\n",
        b"const,Title,You rated\ntt0113277,Heat,4\n",
        "title\tyear\nAmélie\t2001\n".encode("utf-16"),
        "title,rating\nAmélie (2001),90\n".encode("cp1252"),
    ]
    page.goto(url)
    for data in files:
        read = page.evaluate(
            """async (text) => {
              const { readExport } = await import("./ui/exports.js");
              return readExport(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
            }""",
            base64.b64encode(data).decode(),
        )
        expected = read_export(data)
        assert read["rows"] == [row.model_dump(mode="json", exclude_defaults=True) for row in expected.rows]
        places = [problem.split(":")[0] for problem in expected.problems]
        assert [problem.split(":")[0] for problem in read["problems"]] == places


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"a,b\n1,2\n", "names no title"), (b"PK\x03\x04xx", "damaged")]
)
def test_a_wrong_file_is_refused_in_words(page, url, data, words):
    page.goto(url)
    drop(page, data, "wrong.csv")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(words)
