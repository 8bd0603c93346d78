"""A real browser, and servers for it to look at."""

import contextlib
import dataclasses
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from marquee.bundle import publish
from marquee.page_data import TASTES
from marquee.settings import Settings
from marquee_reranker.app import create_app
from tests.programs import skip_without

MOST_MS = 60_000  # for what hangs: machines are busy
# The headless shell, where there is one, takes half the processor time of the whole browser and paints alike.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def serving():
    """`with serving(store, make_retriever, **settings) as url`: the re-ranker on a port of its own."""
    return _serving


@contextlib.contextmanager
def _serving(artifacts, make_retriever=lambda _: None, **settings):
    listener = socket.create_server(("127.0.0.1", 0))
    settings = Settings(**{"artifacts": artifacts, "reload_seconds": 0.05, **settings})
    app = create_app(settings, make_retriever=make_retriever)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:  # a test that fails must not leave a server behind
        server.should_exit = True
        thread.join(120)


# Not for the session: while Playwright runs, tests of other folders cannot call asyncio.run.
@pytest.fixture(scope="package")
def browser():
    """The machine's Chromium, else the one that `playwright install` has fetched."""
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=MOST_MS)
    with sync_api.sync_playwright() as playwright:
        program = CHROMIUM or playwright.chromium.executable_path
        if not Path(program).exists():
            skip_without("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def store(tmp_path_factory, make_contents):
    """Fifty films, of which four have titles that tests search for, and more ready-made tastes than a phone is wide."""
    store = tmp_path_factory.mktemp("store")
    contents = make_contents()
    titles, tmdb_ids = list(contents.catalog.titles), contents.catalog.tmdb_ids.copy()
    titles[:4] = ["The Matrix", "The Matrix Reloaded", "Toy Story", "Amélie <b>"]
    known = [tmdb_id for taste in TASTES.values() for tmdb_id in taste["films"]]
    tmdb_ids[: len(known)] = known
    catalog = dataclasses.replace(contents.catalog, titles=tuple(titles), tmdb_ids=tmdb_ids)
    publish(store, dataclasses.replace(contents, catalog=catalog), force=True)
    return store


@pytest.fixture(scope="package")
def url(serving, store):
    with serving(store, operator=True) as address:
        yield address


@pytest.fixture
def new_page(browser):
    """`new_page(width=1440, scheme="light")`: a page that fails the test if it complains or asks another host."""
    contexts, complaints, hosts = [], [], set()

    def make(width=1440, scheme="light", **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options))
        contexts[-1].set_default_timeout(MOST_MS)
        page = contexts[-1].new_page()
        page.on("console", lambda message: message.type in {"error", "warning"} and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        page.complaints = complaints
        return page

    make.n_hosts = 1
    yield make
    for context in contexts:
        context.close()
    assert complaints == []
    assert len(hosts) == make.n_hosts


@pytest.fixture
def page(new_page):
    return new_page()
