"""The page below a path, behind a reverse proxy, and as static files at another origin than the API."""

import functools
import http.client
import http.server
import re
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from marquee.settings import Settings
from marquee_lambda.app import App
from marquee_reranker.static_page import write_page
from tests.browser.test_journey import titles
from tests.browser.test_page import pick
from tests.browser.test_posters import ALL_THERE, green_png
from tests.unit.reranker.tmdb_server import TmdbServer
from tests.waiting import until

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
SWEEP = Path(__file__).parents[2] / "docs" / "sweep.png"
LEFT_OUT = {"connection", "transfer-encoding", "date", "server"}


class Proxy(http.server.BaseHTTPRequestHandler):
    """A reverse proxy below /films: /films and /films/... go to the server, anything else is nobody's."""

    upstream, strip, headers_added = "", True, {}

    def log_message(self, *_):
        pass

    def forward(self):
        path = self.path
        if not re.match(r"/films(/|$|\?)", path):
            self.send_error(404)
            return
        if self.strip:
            path = path.removeprefix("/films") or "/"
        length = self.headers.get("content-length")
        body = self.rfile.read(int(length)) if length else None
        connection = http.client.HTTPConnection(self.upstream.removeprefix("http://"))
        connection.request(self.command, path, body, {**self.headers, **self.headers_added})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in LEFT_OUT:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = forward  # noqa: N815 - http.server's names


@contextmanager
def listening(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def tmdb():
    server = TmdbServer()
    server.picture = (200, "image/png", green_png())
    yield server
    server.close()


def use(page):
    """The page, and the API."""
    expect(page.locator("#status")).to_contain_text("Like a film or two here")
    pick(page, "toy")
    expect(page.locator("#films li:not(.skeleton)")).to_have_count(12)


def use_everything(page):
    """One thing of each kind that has an address."""
    use(page)
    until(lambda: page.evaluate(ALL_THERE), what="the posters")
    page.get_by_role("button", name="Watch together: add a person").click()
    with page.expect_response("**/v1/recommendations"):
        pick(page, "amelie")
    shown = titles(page)
    link = page.url
    assert re.search(r"#.*films2=", link)
    page.locator("#films [data-action=open]").first.click()
    expect(page.locator("#film-body")).to_contain_text("Elsewhere")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("tab", name="Operator").click()
    expect(page.locator("#card dl")).to_be_visible()
    sweep = page.get_by_role("img", name="Accuracy against variety and novelty")
    sweep.scroll_into_view_if_needed()
    until(lambda: sweep.evaluate("(image) => image.naturalWidth"), what="the picture of the sweep")
    page.goto(link)
    page.reload()
    expect(page.locator("#films h3")).to_have_text(shown)
    page.get_by_role("link", name="Marquee").click()
    expect(page.locator("#picked li")).to_have_count(0)


# A proxy that strips the prefix says so in a header, or the server is set up, or neither; another passes the prefix on.
PROXIES = {
    "strips": (True, {}, "", "/films/"),
    "strips-and-says-so": (True, {"X-Forwarded-Prefix": "/films"}, "", "/films"),
    "strips-as-set": (True, {}, "/films", "/films"),
    "passes-on": (False, {}, "/films", "/films"),
}


@pytest.mark.parametrize("kind", PROXIES)
def test_below_a_path_behind_a_proxy(kind, new_page, serving, store, tmdb):
    strip, added, root_path, entrance = PROXIES[kind]
    posters = {"tmdb_key": "sesame", "tmdb_url": tmdb.url, "tmdb_image_url": tmdb.url}
    with serving(store, root_path=root_path, operator=True, sweep_plot=SWEEP, **posters) as upstream:
        handler = type("Handler", (Proxy,), {"upstream": upstream, "strip": strip, "headers_added": added})
        with listening(handler) as outside:
            page = new_page()
            page.goto(outside + entrance)
            (use if "-" in kind and strip else use_everything)(page)  # how the page's parts are found is the others'
            page.get_by_role("link", name="API reference").click()
            page.locator("#search_movies").get_by_role("button", name="Send").click()
            expect(page.locator("#search_movies pre")).to_contain_text("The Matrix")
            document = page.request.get(f"{outside}/films/openapi.json").json()
            assert document.get("servers") == ([{"url": "/films"}] if kind != "strips" else None)
            page.close()  # it would miss the servers


def test_static_files_ask_an_api_at_another_address(new_page, serving, store, tmdb, tmp_path):
    class Files(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    new_page.n_hosts = 2
    with listening(functools.partial(Files, directory=tmp_path)) as here:
        posters = {"tmdb_key": "sesame", "tmdb_url": tmdb.url, "tmdb_image_url": tmdb.url}
        options = {"cors_origins": [here], "root_path": "/films", "operator": True, "sweep_plot": SWEEP}
        with serving(store, **options, **posters) as api:
            write_page(tmp_path / "page", f"{api}/films/")
            page = new_page()
            page.goto(f"{here}/page/")
            use_everything(page)
            expect(page.get_by_role("link", name="API reference")).to_have_attribute("href", f"{api}/films/docs")
            page.close()


class Gateway(http.server.BaseHTTPRequestHandler):
    """An HTTP API of AWS before the function: `app`, which answers one event at a time, as on Lambda."""

    app = None
    lock = threading.Lock()

    def log_message(self, *_):
        pass

    def forward(self):
        path, _, query = self.path.partition("?")
        length = self.headers.get("content-length")
        context = {"stage": "$default", "http": {"method": self.command, "path": path}}
        headers = {name.lower(): value for name, value in self.headers.items()}
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": context,
        }
        body = self.rfile.read(int(length)).decode() if length else None
        with self.lock:
            answer = self.app.answer({**event, "body": body}, None)
        self.send_response(answer["statusCode"])
        for name, value in answer["headers"].items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer["body"].encode())

    do_GET = do_POST = do_OPTIONS = forward  # noqa: N815 - http.server's names


def test_static_files_ask_the_function_on_aws(new_page, store, tmp_path):
    class Files(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    new_page.n_hosts = 2
    with listening(functools.partial(Files, directory=tmp_path)) as here:
        app = App(Settings(artifacts=store, cors_origins=[here], root_path="/films"))
        with listening(type("Handler", (Gateway,), {"app": app})) as api:
            write_page(tmp_path / "page", f"{api}/films")
            page = new_page()
            page.goto(f"{here}/page/")
            use(page)
            page.locator("#films [data-action=open]").first.click()
            expect(page.locator("#film-body")).to_contain_text("Elsewhere")
            page.close()
