"""A real browser, and servers for it to look at."""

import contextlib
import shutil
import socket
import threading
import time

import pytest
import uvicorn

from marquee.settings import Settings
from serving.reranker.app import create_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def serving():
    """`with serving(store) as url`: the re-ranker on a port of its own."""
    return _serving


@contextlib.contextmanager
def _serving(artifacts):
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(Settings(artifacts_dir=artifacts, reload_seconds=0.05))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:  # a test that fails must not leave a server behind
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
