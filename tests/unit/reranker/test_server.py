"""`marquee serve` as a process: ports, signals, output."""

import re
import socket

import httpx2
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from marquee.errors import MarqueeError
from marquee.settings import Settings
from marquee_reranker import server
from marquee_reranker.server import serve as serve_here
from tests.waiting import free_port

BODY = b'{"tmdb_ids": [1001]}'


def test_metrics_are_on_a_port_of_their_own(serve):
    port = free_port()
    served = serve(metrics_port=port)
    httpx2.post(f"{served.url}/recommend", content=BODY, headers={"content-type": "application/json"})
    public = httpx2.get(f"{served.url}/metrics")
    assert public.status_code == 404
    assert "marquee_" not in public.text.replace("marquee_version", "")
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
    version = re.search(r'marquee_bundle_info\{version="([^"]+)"\} 1\.0', text)[1]
    labels = f'method="POST",model_version="{version}",route="/recommend",status="200"'
    assert f"marquee_requests_total{{{labels}}} 1.0" in text
    assert "marquee_store_reachable 1.0" in text
    assert "process_resident_memory_bytes" in text
    assert served.terminate() == 0


def test_sigterm_turns_unready_and_finishes_what_is_in_flight(serve, until):
    # It stays unready for a second before it closes its port. Here it does until the second signal.
    served = serve(before="from marquee_reranker import server; server.DRAIN_SECONDS = 600")
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=120) as connection, connection.makefile("rb") as answer:
        connection.sendall(
            b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(BODY)
        )
        assert b" 100 " in answer.readline()  # the request is in flight: the server waits for its body
        answer.readline()
        served.process.terminate()

        def unready():
            response = httpx2.get(f"{served.url}/readyz")
            return response.status_code == 503 and response.json()["detail"]

        assert until(unready).startswith("shutting down")
        served.process.terminate()
        # No new connection is accepted any more; the old one still gets its answer.
        until(lambda: not accepts(host, port))
        connection.sendall(BODY)
        assert b" 200 " in answer.readline()
        assert b"recommendations" in answer.read()
    assert served.process.wait(120) == 0
    requests = [line for line in served.lines() if line.get("route") == "/recommend"]
    assert [line["status"] for line in requests] == [200]


def accepts(host, port):
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionError:
        return False
    return True


def test_standard_output_is_json_and_one_line_per_request(serve, until):
    served = serve()
    # Of the fixture's own request; lines are written once an answer is out.
    until(lambda: any(line.get("route") == "/livez" for line in served.lines()))
    before = sum(line["event"] == "request" for line in served.lines())
    with httpx2.Client(base_url=served.url) as client:
        ids = [
            client.get(path).headers["x-request-id"] for path in ("/", "/docs", "/readyz", "/x", "/v1/movies?q=film")
        ]
        ids.append(client.post("/recommend", json={"tmdb_ids": [1001]}).headers["x-request-id"])
    assert served.terminate() == 0
    lines = served.lines()  # every line parses
    logged = [line["request_id"] for line in lines if line["event"] == "request"]
    assert logged[before:] == ids
    assert len(set(logged)) == len(logged)


@pytest.mark.parametrize("which", ["port", "metrics_port"])
def test_a_port_in_use_is_an_error_with_a_fix(which, store, json_logs):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(**{"artifacts": store, "port": 0, "metrics_port": 0, which: port})
        with pytest.raises(MarqueeError, match=f"port {port} of 127.0.0.1 is in use") as caught:
            serve_here(settings)
    assert f"set MARQUEE_{which.upper()}" in caught.value.fix


def test_an_address_that_is_not_ours_is_an_error_with_a_fix(store, json_logs):
    with pytest.raises(MarqueeError, match=r"can't listen on 192\.0\.2\.1") as caught:
        serve_here(Settings(artifacts=store, host="192.0.2.1", port=0, metrics_port=0))
    assert "MARQUEE_HOST" in caught.value.fix


def test_answers_do_not_wait_for_delayed_acks():
    with server._listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # what asyncio asks for before it sets TCP_NODELAY


def test_matrix_products_have_one_thread_each(store, monkeypatch, json_logs):
    """With 16 clients, OpenBLAS's own threads below the requests' made answers twenty times rarer."""
    seen = []
    monkeypatch.setattr(server.Server, "run", lambda *_, **__: seen.extend(threadpool_info()))
    with threadpool_limits(2, user_api="blas"):
        serve_here(Settings(artifacts=store, port=0, metrics_port=0, log_format="json"))
    assert seen
    assert {pool["num_threads"] for pool in seen if pool["user_api"] == "blas"} == {1}


@pytest.mark.parametrize(("told", "status"), [({}, 200), ({"operator": False}, 404)])
def test_on_this_machine_operators_see_more_unless_told_otherwise(serve, told, status):
    served = serve(**told)
    assert httpx2.get(f"{served.url}/v1/operations").status_code == status


def test_the_flag_goes_before_the_variable(monkeypatch):
    from marquee_cli import recommend as commands

    seen = []
    monkeypatch.setattr(server, "serve", seen.append)
    monkeypatch.setenv("MARQUEE_OPERATOR", "true")
    commands.serve(operator=False)
    commands.serve(operator=None)
    assert [settings.operator for settings in seen] == [False, True]
