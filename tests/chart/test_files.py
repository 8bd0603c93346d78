"""The programs that the chart carries, run for real: what waits, what fetches, what `helm test` asks."""

import contextlib
import hashlib
import http.server
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import urllib.request
import zipfile
from pathlib import Path

import pytest

from marquee.bundle import publish
from marquee.retrieval.service import RetrievalService
from tests.waiting import free_port, until

ROOT = Path(__file__).parents[2]
FILES = ROOT / "charts" / "marquee" / "files"
MOVIES = b"movieId,title,genres\n1,Toy Story (1995),Comedy\n"


def start(script, *arguments, **environment):
    """The program as a pod runs it: its text after -c."""
    command = [sys.executable, "-c", Path(script).read_text("utf-8"), *map(str, arguments)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEE_")}
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**kept, **environment}, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)


def finish(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@contextlib.contextmanager
def serving(handle):
    """An HTTP server whose answers are handle(method, path, body) -> (status, bytes); gives its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = handle(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def store(tmp_path_factory, make_contents):
    folder = tmp_path_factory.mktemp("files") / "store"
    publish(folder, make_contents())
    return folder


def is_ready(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=20):  # noqa: S310
        return True
    return False


@pytest.fixture(scope="module")
def api(store):
    """The URL of a re-ranker with retrieval in process."""
    port = free_port()
    environment = {"MARQUEE_ARTIFACTS_DIR": str(store), "MARQUEE_PORT": str(port), "MARQUEE_METRICS_PORT": "0"}
    program = Path(sys.executable).parent / "marquee"
    with subprocess.Popen([program, "serve"], env={**os.environ, **environment}, stdout=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        until(lambda: is_ready(url), what="the re-ranker")
        yield url
        process.kill()


def test_waits_for_the_pointer_and_says_so(tmp_path):
    process = start(FILES / "wait_for_model.py", tmp_path, "cinema", "component=training")
    assert "waiting for the first model" in process.stdout.readline()
    assert "kubectl -n cinema logs -l component=training" in process.stdout.readline()
    (tmp_path / "aside").write_text('{"version": "v1"}')
    (tmp_path / "aside").rename(tmp_path / "CURRENT.json")  # as publishing does
    code, out, _ = finish(process)
    assert code == 0
    assert '{"version": "v1"}' in out


def test_waiting_ends_when_the_pod_does(tmp_path):
    process = start(FILES / "wait_for_model.py", tmp_path, "cinema", "component=training")
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 143


def a_zip():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("ml/movies.csv", MOVIES)
        archive.writestr("../../escape.csv", b"no")
    return content.getvalue()


def a_tar():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in ("ml/movies.csv", "/etc/escape.csv"):
            member = tarfile.TarInfo(name)
            member.size = len(MOVIES)
            archive.addfile(member, io.BytesIO(MOVIES))
        link = tarfile.TarInfo("ml/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return content.getvalue()


def fetch(tmp_path, content, status=200, sha256=""):
    """Run fetch_data with folders of the test; gives (code, files, stderr)."""
    script = (FILES / "fetch_data.py").read_text("utf-8")
    (tmp_path / "data").mkdir()
    script = script.replace('"/tmp/archive"', repr(str(tmp_path / "archive")))
    (tmp_path / "fetch.py").write_text(script.replace('"/data"', repr(str(tmp_path / "data"))))
    with serving(lambda *_: (status, content)) as url:
        code, _, err = finish(start(tmp_path / "fetch.py", DATA_URL=f"{url}/x?signature=s3cret", DATA_SHA256=sha256))
    return code, {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir() if path.is_file()}, err


@pytest.mark.parametrize("make", [a_zip, a_tar])
def test_fetches_and_unpacks_files_and_nothing_else(tmp_path, make):
    content = make()
    code, files, err = fetch(tmp_path, content, sha256=hashlib.sha256(content).hexdigest().upper())
    assert code == 0, err
    assert files["movies.csv"] == MOVIES
    assert set(files) == {"movies.csv", "escape.csv"}
    assert not (tmp_path.parent / "escape.csv").exists()


def test_files_of_a_mapping_stay_in_their_folders(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("shop/marquee.toml", "shop/events/1.csv", "shop/carts/1.csv", "other/1.csv", "shop/../../1.csv"):
            archive.writestr(name, name)
    code, _, err = fetch(tmp_path, content.getvalue())
    assert code == 0, err
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.suffix in {".csv", ".toml"}}
    assert found == {"data/marquee.toml", "data/events/1.csv", "data/carts/1.csv"}
    assert (tmp_path / "data/carts/1.csv").read_text() == "shop/carts/1.csv"


@pytest.mark.parametrize(
    ("content", "status", "sha256", "code", "says"),
    [
        (b"hello", 200, "", 3, "neither a zip nor a tar"),
        (a_zip(), 200, "0" * 64, 3, "sha256"),
        (b"", 404, "", 3, "answered 404"),
        (b"", 503, "", 1, "503"),
    ],
)
def test_what_no_retry_mends_ends_with_3(tmp_path, content, status, sha256, code, says):
    ended, files, err = fetch(tmp_path, content, status, sha256)
    assert ended == code
    assert says in err
    assert "s3cret" not in err
    assert not files


def test_helm_test_api(api):
    code, out, err = finish(start(FILES / "tests" / "api.py", API_URL=api))
    assert code == 0, err
    assert "ok: served by two_tower" in out


def test_helm_test_fallback(store):
    script = FILES / "tests" / "fallback.py"
    code, out, err = finish(start(script, STORE=str(store), PORT=str(free_port())))
    assert code == 0, err
    assert "served by item_cf, because of ['retrieval_" in out


def test_helm_test_retrieval(api, store):
    service = RetrievalService(store)
    service.live.start()

    def answer(_method, path, body):
        reply = service.answer([body])[0]
        assert path in {"/v1/models/two_tower:predict", "/v2/models/two_tower/infer", "/invocations"}
        text = reply.text()
        return reply.status, text if isinstance(text, bytes) else text.encode()

    with serving(answer) as url:
        code, out, err = finish(start(FILES / "tests" / "retrieval.py", API_URL=api, RETRIEVAL_URL=url))
    service.live.stop()
    assert code == 0, err
    assert "the same by V1, V2 and /invocations" in out


def test_the_load_generator_counts_and_judges(api):
    code, out, err = finish(start(ROOT / "k8s" / "load.py", api, 20, 2))
    summary = json.loads(out.splitlines()[-1])["summary"]
    assert code == 0, (err, summary)
    assert summary["requests"] == 40
    assert summary["failed"] == 0
    assert summary["outcomes"] == {"two_tower": 40}
    assert {"p50", "p95", "p99"} == summary["ms"].keys()


def test_the_load_generator_reports_failures():
    def answer(_method, _path, body):
        if b"2147483647" not in body:
            return 500, b"{}"
        return 200, json.dumps({"recommendations": [{"movie_id": one} for one in range(20)]}).encode()

    with serving(answer) as url:
        code, out, _ = finish(start(ROOT / "k8s" / "load.py", url, 20, 1))
    assert code == 1
    assert json.loads(out.splitlines()[-1])["summary"]["outcomes"] == {"failed: status 500": 20}
