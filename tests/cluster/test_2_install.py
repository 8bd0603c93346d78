"""The release on a cluster with the real KServe controller."""

import json
import re
import shutil

import httpx2
import pytest
from kubernetes import client

from tests.cluster.conftest import run, until


def test_kserve_is_added(cluster, data):
    run("k8s/kind-up", seconds=600, MARQUEE_DATA_DIR=data)


def test_install_from_real_ratings(release, memory):
    output = release.install("--wait", "--timeout=10m")
    assert "InferenceService" in output
    assert "would violate PodSecurity" not in output
    memory["install"] = output


def test_the_inference_service_is_ready(release):
    found = client.CustomObjectsApi().get_namespaced_custom_object(
        "serving.kserve.io", "v1beta1", release.namespace, "inferenceservices", "marquee-retrieval"
    )
    conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert conditions["Ready"] == conditions["PredictorReady"] == "True"
    hpas = client.AutoscalingV2Api().list_namespaced_horizontal_pod_autoscaler(release.namespace).items
    assert {hpa.metadata.name for hpa in hpas} == {"marquee-reranker", "marquee-retrieval"}  # none of KServe's


def test_training_published(release):
    (job,) = client.BatchV1Api().list_namespaced_job(release.namespace).items
    assert "published" in release.wait_for_job(job.metadata.name)


def test_the_same_answers_as_without_kserve(release, memory):
    answer = release.ask()
    assert (answer["served_by"], answer["degraded"]) == ("two_tower", [])
    assert answer["recommendations"] == memory["recommendations"]
    memory["version"] = answer["model_version"]


def test_the_pages_tastes_and_examples_give_lists_of_their_kind(release):
    """Of real ratings; invented ones have none of the films."""
    with release.forward("service/marquee-reranker", 80) as url:
        page = httpx2.get(url, timeout=10).text
        catalog = json.loads(re.search(r'id="catalog">(.*?)</script>', page)[1])
        famous = {film["movie_id"] for film in catalog["popular"]}
        for taste in catalog["tastes"]:
            body = {"movie_ids": [film["movie_id"] for film in taste["films"]], "top_n": 12}
            body["filters"] = {"genres_any": taste["genres"]}
            answer = httpx2.post(f"{url}/v1/recommendations", json=body, timeout=10).json()
            assert [note for note in answer["notes"] if note["code"] != "few_likes"] == [], taste["name"]
            films = answer["recommendations"]
            assert len(films) == 12, taste["name"]
            assert all({*taste["genres"]} & {*film["genres"]} for film in films), taste["name"]
            assert len(famous & {film["movie_id"] for film in films}) <= 4, taste["name"]
        examples = re.findall(r'"(like [A-Z][^"]+)"', httpx2.get(f"{url}/ui/picker.js", timeout=10).text)
        assert examples
        for words in examples if catalog["tastes"] else ():
            found = httpx2.get(f"{url}/v1/understand", params={"q": words}, timeout=10).json()
            assert found["not_understood"] == [], words
            assert not any(part.get("choices") for part in found["parts"]), words


def test_helm_test(release):
    release.helm("test", release.name, seconds=200)


@pytest.mark.parametrize("component", ["reranker", "retrieval"])
def test_pods_have_no_rights(release, component):
    pod = release.ready_pods(component)[0]
    inside = ("exec", pod.metadata.name, "--", "python3", "-c")
    assert release.kubectl(*inside, "import os; print(os.getuid())").strip().endswith("10001")
    assert "Read-only file system" in release.kubectl(*inside, "open('/app/x', 'w')", check=False)
    assert "No such file" in release.kubectl(
        *inside, "import os; os.stat('/var/run/secrets/kubernetes.io/serviceaccount/token')", check=False
    )
    status = release.kubectl(*inside, "print(open('/proc/1/status').read())")
    assert "CapEff:\t0000000000000000" in status
    assert pod.spec.service_account_name == "marquee"


def test_the_page_works_in_a_browser(release):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium")
    from playwright.sync_api import sync_playwright

    with release.forward("service/marquee-reranker", 80) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        complaints = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(url)
        page.get_by_role("combobox").or_(page.get_by_role("searchbox")).first.fill("toy story")
        page.get_by_role("option").first.click()
        page.get_by_text(re.compile("match$|a try$")).first.wait_for()
        assert not complaints
        browser.close()


def test_metrics_are_there_and_management_is_not(release):
    pod = release.ready_pods("retrieval")[0].metadata.name
    with release.forward(f"pod/{pod}", 8080, "/ping") as url:
        assert httpx2.get(f"{url}/models", timeout=5).status_code in {404, 405}
    services = client.CoreV1Api().list_namespaced_service(release.namespace).items
    ports = {(service.metadata.name, port.port) for service in services for port in service.spec.ports}
    assert not {port for _, port in ports} & {7070, 7071, 8081}
    with release.forward(f"pod/{release.ready_pods('reranker')[0].metadata.name}", 9090) as url:
        assert "marquee_requests_total" in httpx2.get(f"{url}/metrics", timeout=5).text


def test_installing_again_changes_nothing(release):
    before = {pod.metadata.uid for name in ("reranker", "retrieval") for pod in release.pods(name)}
    jobs = [job.metadata.name for job in client.BatchV1Api().list_namespaced_job(release.namespace).items]
    release.install()
    assert {pod.metadata.uid for name in ("reranker", "retrieval") for pod in release.pods(name)} == before
    assert [job.metadata.name for job in client.BatchV1Api().list_namespaced_job(release.namespace).items] == jobs


def test_the_metrics_server_sees_the_pods(release):
    """What the HPAs need; it takes the metrics-server a moment after pods start."""

    def measured():
        found = client.AutoscalingV2Api().list_namespaced_horizontal_pod_autoscaler(release.namespace).items
        return all(hpa.status.current_metrics for hpa in found)

    until(measured, 120, "metrics of both HPAs")
