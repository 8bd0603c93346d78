"""The benchmark of serving: what it reads from the generator, when a rate passes, and what it writes."""

import base64
import json
import os
import socket
from dataclasses import asdict

import pytest
from prometheus_client import generate_latest

from benchmarks.serving import page
from benchmarks.serving.generator import Step, judge, parse, targets
from benchmarks.serving.measure import Measured, half_open, measured
from benchmarks.serving.plan import assumptions, load, on_aws, on_cluster, scaling
from benchmarks.serving.processes import Process, cores, family
from benchmarks.serving.servers import fallbacks
from marquee.api.contracts import RecommendationRequest
from marquee.errors import ConfigError
from marquee_reranker.telemetry import Telemetry

MS = 1_000_000


def row(number, ms=2.0, status=200, *, error="", late_ms=0.0, rate=10, **headers):
    """As `vegeta encode -to csv` writes it."""
    sent = 1_796_026_951_862_493_788 + round((number * 1000 / rate + late_ms) * MS)
    text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    encoded = base64.b64encode(text.encode()).decode()
    return f"{sent},{status},{round(ms * MS)},7,0,{error},,,{number},POST,http://127.0.0.1/v1/recommendations,{encoded}"


def step(**given):
    known = {"rate": 100, "goodput": 100.0, "p50": 2.0, "p90": 3.0, "p99": 5.0, "p999": 6.0, "late_p99": 0.1}
    known |= {"refused_p99": 0.0, "retry_after": 0.0, "errors": {}, "answer_bytes": 3000.0, "generator_cores": 0.1}
    known |= {"cores": (("re-ranker: python", 0.5),), "pss": (140.0,), "peak_rss": (160.0,)}
    return Step(**(known | given))


def test_figures_of_an_attack():
    rows = [row(n, ms=n + 1, Content_Length=3000) for n in range(9)] + [row(9, ms=0.5, status=503, Retry_After=1)]
    found = judge(parse(reversed(rows)), rate=10, seconds=1.0)
    assert found.goodput == 9
    assert (found.p50, found.p999) == (5.0, pytest.approx(9, abs=0.1))
    assert found.errors == {"503": 1}
    assert (found.refused_p99, found.retry_after) == (0.5, 1.0)
    assert found.answer_bytes == 3000
    assert found.late_p99 == pytest.approx(0, abs=1e-3)


def test_a_request_without_an_answer_is_an_error_with_its_reason():
    lost = 'Post ""http://127.0.0.1/"": dial tcp: connect: connection refused'
    found = judge(parse([row(0), row(1, status=0, error=f'"{lost}"')]), rate=10, seconds=0.2)
    assert found.errors == {"connection refused": 1}
    assert found.p99 == 2.0


def test_the_row_after_the_last_target_is_no_request():
    assert len(parse([row(0), row(1, status=0, error="no targets to attack")]).status) == 1


def test_an_attack_that_sent_nothing_says_so():
    with pytest.raises(ConfigError, match="sent no request"):
        parse([])


def test_answers_after_the_end_are_no_goodput():
    found = judge(parse([row(n, ms=950) for n in range(10)]), rate=10, seconds=1.0)
    assert found.goodput == 1
    assert found.saturated


def test_a_late_generator_is_named_and_not_blamed_on_the_server():
    found = judge(parse([row(n, late_ms=40.0 * (n > 4)) for n in range(10)]), rate=10, seconds=1.0)
    assert found.late_p99 == pytest.approx(40)
    assert found.p99 == 2.0


@pytest.mark.parametrize(
    ("given", "passes"), [({}, True), ({"p99": 7.1}, False), ({"errors": {"503": 1}}, False), ({"fallbacks": 1}, False)]
)
def test_a_rate_passes_without_errors_and_within_the_bound(given, passes):
    assert step(**given).passes is passes


def test_targets_are_valid_requests_and_all_different():
    lines = [json.loads(line) for line in targets("http://here:80", range(1, 1000), 50, seed=1).splitlines()]
    bodies = {base64.b64decode(line["body"]) for line in lines}
    assert len(bodies) == 50
    assert all(len(RecommendationRequest.model_validate_json(body).movie_ids) == 5 for body in bodies)
    assert {line["url"] for line in lines} == {"http://here:80/v1/recommendations"}


def test_best_is_the_highest_rate_that_passes_and_capacity_the_highest_goodput():
    steps = (step(), step(rate=200, p99=9.0), step(rate=300, p99=6.0), step(rate=400, goodput=350.0, p99=90.0))
    found = Measured("embedded", 1, steps, {})
    assert (found.best.rate, found.capacity) == (300, 350.0)
    assert Measured("embedded", 1, steps[1:2], {}).best is None


def test_fallbacks_are_the_answers_of_lower_rungs():
    telemetry = Telemetry()
    for rung, count in (("two_tower", 5), ("item_cf", 2), ("popularity", 1)):
        telemetry.recommendations.labels(rung, "v").inc(count)
    assert fallbacks(generate_latest(telemetry.registry).decode()) == 3


def test_processor_time_between_two_readings():
    def at(pid, cpu):
        return Process(pid, "python", cpu, 1.0, 1.0)

    assert cores([at(1, 2.0)], [at(1, 3.0), at(2, 0.5)], seconds=2.0) == {1: 0.5, 2: 0.25}


def test_this_process_is_read_from_proc():
    (own,) = [process for process in family(os.getpid()) if process.pid == os.getpid()]
    assert own.cpu > 0
    assert 0 < own.pss <= own.peak


@pytest.fixture
def report():
    overload = {"2x": step(rate=800, errors={"503": 400}, refused_p99=1.5, retry_after=1.0)}
    one = Measured("embedded", 1, (step(), step(rate=400, p99=6.5), step(rate=800, goodput=500.0, p99=80.0)), overload)
    plain = Measured("plain", 1, (step(rate=100, p99=20.0),), {})
    measured = [asdict(one), asdict(plain)]
    about = {"command": "python -m benchmarks.serving rates", "date": "2026-11-30", "machine": "2 processors"}
    return json.loads(json.dumps(about | {"films": 27000, "seconds": 10.0, "measured": measured}))


def test_figures_survive_json(report):
    found = measured(dict(report["measured"][0]))
    assert asdict(found) == asdict(measured(json.loads(json.dumps(asdict(found)))))


def cells(text, first):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_tables_of_the_page(report):
    made = page.parts({"rates": report})
    own = cells(made["rates"], "Marquee, retrieval in process")
    assert own[1:5] == ["1", "400", "2.0, 6.5", "500"]
    assert cells(made["rates"], "plain: FastAPI, FAISS, NumPy")[2] == "none of 100 and more"
    assert cells(made["overload"], "Marquee, retrieval in process")[2:] == (
        ["2x: 800/s", "100", "20%", "2.0, 5.0", "400", "1.5", "100%", "0", "0", "0"]
    )
    assert cells(made["pods"], "1")[1:] == ["400", "6.5", "0.50", "280"]
    assert "targetCPUUtilization: 35" in made["scaling"]
    assert 'threshold: "0.56"' in made["scaling"]


def test_other_work_on_the_machine_is_named(report):
    report["measured"][0]["steps"][0]["other_cores"] = 1.25
    assert "up to 1.2 cores" in page.parts({"rates": report})["rates"]


def test_nothing_follows_where_no_rate_passed(report):
    for one in report["measured"][0]["steps"]:
        one["p99"] = 8.0
    assert {page.parts({"rates": report})[name] for name in ("pods", "scaling", "costs")} == (
        {"No rate passed on one core, so nothing follows."}
    )


def test_the_page_has_a_place_for_every_part(report):
    text = page.PAGE.read_text("utf-8")
    made = page.parts({"rates": report})
    filled = page.fill(text, made)
    assert all(part in filled for part in made.values())
    assert page.fill(filled, made) == filled
    with pytest.raises(ValueError, match="no place for nothing"):
        page.fill(text, {"nothing": ""})


def test_the_picture_is_drawn(report, tmp_path):
    page.draw([measured(dict(one)) for one in report["measured"]], tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_visitors_become_a_peak_and_pods_and_a_bill():
    given = assumptions()
    mean, peak, monthly = load(given["visitors"])
    assert mean == pytest.approx(115.7, abs=0.1)
    assert peak == pytest.approx(555.6, abs=0.1)
    bill = on_cluster(given, pod_rate=100.0, answer_bytes=3000.0)
    assert bill[0].how == "4 for 6 pods of one core at 556/s"
    assert bill[0].dollars == pytest.approx(4 * 0.0816 * 24 * 30.4)
    assert on_aws(given, answer_bytes=3000.0)[0].dollars == pytest.approx(monthly / 1e6)


def test_targets_of_a_pod_leave_room_for_a_peak():
    found = scaling(step(rate=1000, p50=2.0, cores=(("re-ranker: python", 1.6),)), cpus=2)
    assert (found.rate, found.cpu_percent, found.in_progress) == (pytest.approx(700), 56, pytest.approx(1.4))


def test_half_open_connections_are_opened_again_when_the_server_closes_them():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        with half_open(listener.getsockname()[1], n=2):
            first, second = listener.accept()[0], listener.accept()[0]
            assert first.recv(100).startswith(b"POST /v1/recommendations")
            first.close()
            third = listener.accept()[0]
            assert third.recv(100).startswith(b"POST /v1/recommendations")
            second.close()
            third.close()
