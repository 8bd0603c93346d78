"""`marquee serve` as a process: ports, signals, output."""

import contextlib
import http.client
import os
import re
import socket

import httpx2
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from marquee.errors import MarqueeError
from marquee.listener import listen
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
            return response.status_code == 503 and (response.json()["detail"], response.headers.get("connection"))

        detail, told = until(unready)
        assert (detail.startswith("shutting down"), told) == (True, "close")
        served.process.terminate()
        # No new connection is accepted any more; the old one still gets its answer.
        until(lambda: not accepts(host, port))
        connection.sendall(BODY)
        assert b" 200 " in answer.readline()
        rest = answer.read()  # to the end of the connection
        assert b"recommendations" in rest
        assert b"connection: close" in rest.lower()
    assert served.wait() == 0
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
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # what asyncio asks for before it sets TCP_NODELAY


def test_matrix_products_have_one_thread_each(store, monkeypatch, json_logs):
    """With 16 clients, OpenBLAS's own threads below the requests' made answers twenty times rarer."""
    seen = []
    monkeypatch.setattr(server.Server, "run", lambda *_, **__: seen.extend(threadpool_info()))
    with threadpool_limits(2, user_api="blas"):
        serve_here(Settings(artifacts=store, port=0, metrics_port=0, log_format="json", workers=1))
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


HEAD = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
HALF_A_BODY = b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"


def everything(address, *parts):
    """What the server sends until it closes the connection."""
    with socket.create_connection(address, timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_slow_and_idle_clients_are_closed_and_hold_nothing(serve):
    served = serve(host="::" if socket.has_ipv6 else "127.0.0.1", read_seconds=0.2, keep_alive_seconds=0.2)
    port = int(served.url.rsplit(":", 1)[1])
    for host in ("127.0.0.1", *(["::1"] if socket.has_ipv6 else [])):  # `::` is both
        for half in (HEAD[:-2], HEAD[:3], HEAD + HEAD[:9], HALF_A_BODY):
            answer = everything((host, port), half)
            last = answer[answer.rindex(b"HTTP/1.1") :]
            assert last.startswith(b"HTTP/1.1 408 "), half
            assert b"connection: close" in last.lower()
            assert b'"code":"too_slow"' in last
    assert served.url.startswith("http://[::1]:" if socket.has_ipv6 else "http://127.0.0.1:")
    assert everything((host, port)) == b""  # nothing was begun, so nothing is answered
    assert everything((host, port), HEAD).startswith(b"HTTP/1.1 200")  # kept, then closed
    assert any(line.get("status") == 408 for line in served.lines())


def test_a_trickle_is_no_progress(serve):
    served = serve(read_seconds=0.3)
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nX-Long: ")
        connection.settimeout(0.01)
        answer = b""
        while not answer:
            connection.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(65536)
    assert b" 408 " in answer


def test_half_a_body_does_not_hold_the_shutdown(serve, until):
    served = serve(read_seconds=0.5, shutdown_seconds=600)
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(HALF_A_BODY.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert b" 100 " in connection.recv(25)
        assert served.terminate() == 0
        assert b" 408 " in b"".join(iter(lambda: connection.recv(65536), b""))


def test_kept_alive_clients_never_lose_a_request_to_a_shutdown(serve):
    served = serve()
    served.process.terminate()
    answer, listening = None, True
    while listening:
        kept = False
        with contextlib.closing(
            http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
        ) as connection:
            try:
                connection.connect()
                while connection.sock:  # until the server says that it closes
                    connection.request("GET", "/livez")
                    with connection.getresponse() as answer:
                        answer.read()
                    kept = True
            except OSError:  # nobody listens any more
                assert not kept
                listening = False
    assert answer.headers["connection"] == "close"
    assert served.wait() == 0


def test_probes_are_answered_while_a_slow_disk_reads(serve, store, until):
    pointer, pipe = store / "CURRENT.json", store / "aside"
    content = pointer.read_bytes()
    pointer.rename(store / "kept")
    os.mkfifo(pointer)  # reading it waits for us
    served = serve()
    assert httpx2.get(f"{served.url}/livez").status_code == 200
    assert httpx2.get(f"{served.url}/readyz").status_code == 503
    assert (
        httpx2.post(f"{served.url}/recommend", content=BODY, headers={"content-type": "application/json"}).json()[
            "code"
        ]
        == "not_ready"
    )
    pointer.rename(pipe)
    (store / "kept").rename(pointer)
    pipe.write_bytes(content)
    until(lambda: httpx2.get(f"{served.url}/readyz").status_code == 200)


def test_sigterm_ends_it_while_a_slow_disk_reads(serve, store):
    (store / "CURRENT.json").unlink()
    os.mkfifo(store / "CURRENT.json")
    assert serve().terminate() == 0
