"""Images: what is in them, what isn't, and that they do their work with a read-only root and no rights."""

import json
import re

import httpx2
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from marquee.bundle import load
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Query, Where
from marquee.retrieval.wire import JSON_LENGTH, ask, read_answer
from marquee_training.data.synthetic import synthesize, write_movielens

from .conftest import HARDENED, IMAGES, NAMES, ROOT, SAMPLE, docker, inside, inspect, until

SERVERS = NAMES[:3]
PINS = dict.fromkeys(("reranker", "training", "sagemaker"), "constraints.txt")
WITH_TORCH = NAMES[1:4]
LIKED = 900_000_001
PATHS = {
    "v1": ("v1", "/v1/models/two_tower:predict"),
    "v2": ("v2", "/v2/models/two_tower/infer"),
    "invocations": ("v1", "/invocations"),
    "invocations-v2": ("v2", "/invocations"),
}
every_image = pytest.mark.parametrize("image", NAMES)
every_server = pytest.mark.parametrize("image", SERVERS)


def recommend(server, **fields):
    body = {"tmdb_ids": [LIKED], "top_n": 5, **fields}
    answer = httpx2.post(f"{server.url}/recommend", json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def metrics(server):
    answer = httpx2.get(f"{server.metrics_url}/metrics", timeout=10)
    assert answer.status_code == 200
    return answer.text


def packages(image):
    """Every installed distribution with its version; twice, if it is there twice."""
    code = "import json, importlib.metadata as m; print(json.dumps([[d.name, d.version] for d in m.distributions()]))"
    found = json.loads(inside(image, f"python3 -c '{code}'").stdout)
    return sorted((canonicalize_name(name), version) for name, version in found)


def pins(image):
    lines = (ROOT / PINS.get(image, "constraints-retrieval.txt")).read_text("utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if not line.startswith("#")]
    here = {"python_full_version": "3.11.2", "python_version": "3.11"}
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in wanted
        if one.marker is None or one.marker.evaluate(here)
    }


def layers(image):
    return inspect(image)["RootFS"]["Layers"]


def common(*images):
    """The layers that images begin with alike."""
    shared = []
    for digests in zip(*map(layers, images), strict=False):
        if len(set(digests)) > 1:
            break
        shared.append(digests[0])
    return shared


# --- what they do


def test_the_reranker_recommends(reranker):
    assert httpx2.get(f"{reranker.url}/readyz", timeout=10).status_code == 200
    answer = recommend(reranker)
    assert len(answer["recommendations"]) == 5
    assert answer["served_by"] == "two_tower"
    assert "<html" in httpx2.get(f"{reranker.url}/", timeout=10).text
    assert re.search(r'^marquee_recommendations_total{.*served_by="two_tower"} [1-9]', metrics(reranker), re.MULTILINE)


@pytest.mark.parametrize("route", PATHS)
def test_retrieval_answers_as_in_process(retrieval, route):
    protocol, path = PATHS[route]
    bundle = load(SAMPLE)
    query = Query(tuple(bundle.catalog.movie_ids[:3].tolist()), 20, Where(year_min=1960))
    body = ask(query, protocol, bundle.version)
    answer = httpx2.post(retrieval.url + path, content=body, headers={"Content-Type": "application/json"}, timeout=10)
    assert answer.status_code == 200, answer.text
    found = read_answer(answer.content, protocol, query.k, answer.headers.get(JSON_LENGTH))
    expected = ExactSearch(bundle).candidates(query.seed_movie_ids, query.k, query.where)
    assert found.model_version == bundle.version
    assert found.movie_ids.tolist() == expected.movie_ids.tolist()
    assert found.scores.tolist() == pytest.approx(expected.scores.tolist(), abs=1e-5)


def test_retrieval_serves_no_management_and_has_metrics(retrieval):
    assert httpx2.get(f"{retrieval.url}/models", timeout=10).status_code in {404, 405}
    assert httpx2.get(f"{retrieval.url}/ping", timeout=10).status_code == 200
    assert "# TYPE" in metrics(retrieval)


def test_the_reranker_asks_a_retrieval_container(start, retrieval):
    server = start(
        "reranker",
        retrieval_url=f"http://{retrieval.address()}:8080",
        retrieval_seconds=10,
        retrieval_connect_seconds=5,
    )
    answer = recommend(server)
    assert answer["served_by"] == "two_tower"
    assert not answer["degraded"]
    calls = r'^marquee_retrieval_calls_total{result="ok",target="stable"} [1-9]'
    assert re.search(calls, metrics(server), re.MULTILINE)


@pytest.fixture
def volume():
    """A named volume: it takes over the owner of the image's /artifacts."""
    name = docker("volume", "create").stdout.strip()
    yield name
    until(lambda: docker("volume", "rm", "--force", name, check=False).returncode == 0, 30)


def test_training_publishes_what_the_reranker_serves(start, volume, tmp_path):
    write_movielens(synthesize(300, 200, 12_000, seed=1, genome=False), tmp_path / "data")
    tmp_path.chmod(0o755)
    mounts = [f"--volume={volume}:/artifacts", f"--volume={tmp_path / 'data'}:/data:ro"]
    run = ["run", "--rm", *HARDENED, "--network=none", *mounts, "--env=MARQUEE_DATA_DIR=/data", IMAGES["training"]]
    made = json.loads(docker(*run, "train", "--config=quick", "--json", seconds=300).stdout)
    revision = inspect("training")["Config"]["Labels"]["org.opencontainers.image.revision"]
    assert made["code_version"]["git_commit"] == revision
    assert "valid" in docker(*run, "verify").stdout
    server = start("reranker", volume)
    try:
        answer = recommend(server, tmdb_ids=[10_000_001, 10_000_002])
        assert answer["model_version"] == made["version"]
    finally:
        server.remove()


@every_server
def test_sigterm_ends_a_server(start, image):
    server = start(image)
    docker("stop", "--time=60", server.id, seconds=120)  # with another exit code, if it has to be killed
    state = server.state()
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False), server.logs()


# --- what they are


@every_image
def test_no_rights(image):
    script = "id -u; id -g; grep CapEff /proc/self/status; touch /x /app/x /opt/x; touch /tmp/x && echo tmp"
    done = inside(image, script)
    assert done.stdout.split() == ["10001", "10001", "CapEff:", "0000000000000000", "tmp"]
    assert done.stderr.count("Read-only file system") == 3


@every_image
def test_no_tools_to_build_or_fetch_with(image):
    script = "for tool in pip pip3 uv gcc cc c++ make git curl wget; do command -v $tool; done; python3 -m pip"
    done = inside(image, script, check=False)
    assert done.stdout == ""
    assert "No module named pip" in done.stderr


@every_image
def test_what_is_installed_is_what_is_pinned(image):
    installed = packages(image)
    names = [name for name, _ in installed]
    assert len(set(names)) == len(names)
    wanted = pins(image)
    loose = {name: version for name, version in installed if wanted.get(name) != version}
    loose.pop("torch", None)  # bounded in pyproject.toml
    assert not loose


@every_image
def test_no_cuda(image):
    names = {name for name, _ in packages(image)}
    assert not [name for name in names if name.startswith(("nvidia", "cuda", "triton"))]
    assert inside(image, "ls -d /opt/*/nvidia* /opt/*/triton 2>/dev/null", check=False).stdout == ""


@pytest.mark.parametrize(
    ("image", "absent"),
    [
        ("reranker", {"torch", "pandas", "scipy", "kserve", "torchserve"}),
        ("retrieval", {"kserve", "kubernetes", "pandas", "fastapi"}),
        ("retrieval-kserve", {"torchserve"}),
        ("training", {"fastapi", "kserve", "torchserve"}),
        ("sagemaker", {"torch", "pandas", "scipy", "fastapi", "boto3", "kserve", "torchserve"}),
    ],
)
def test_nothing_of_another_image(image, absent):
    assert not absent & {name for name, _ in packages(image)}
    has_java = inside(image, "command -v java", check=False).returncode == 0
    assert has_java == (image == "retrieval")


@pytest.mark.parametrize("image", ["reranker", "sagemaker"])
def test_what_has_no_torch_is_small(image):
    assert inspect(image)["Size"] < 300e6


def test_torch_is_one_layer_that_images_share():
    base = common(*NAMES)
    with_torch = common(*WITH_TORCH)
    assert len(base) >= 2  # the distribution, Python
    assert len(with_torch) == len(base) + 1
    # Above it, the code is the last layer, and the packages are below it.
    for image in NAMES:
        above = layers(image)[len(with_torch if image in WITH_TORCH else base) :]
        assert len(above) >= 2


@every_image
def test_code_changes_cost_one_small_layer(image):
    history = docker("history", "--human=false", "--format={{.Size}} {{.CreatedBy}}", IMAGES[image]).stdout
    sizes = [line.split(" ", 1) for line in history.splitlines()]
    newest = next((int(size), by) for size, by in sizes if int(size))
    assert "/app" in newest[1]
    assert newest[0] < 3e6


@every_image
def test_configuration(image):
    config = inspect(image)["Config"]
    assert config["User"] == "10001:10001"
    on_sagemaker = image == "sagemaker"  # which supports no tini, and has the model in a place of its own
    assert config["Entrypoint"][0] == ("python3" if on_sagemaker else "/usr/bin/tini")
    environment = dict(entry.split("=", 1) for entry in config["Env"])
    assert environment["MARQUEE_ARTIFACTS_DIR"] == ("/opt/ml/model" if on_sagemaker else "/artifacts")
    assert environment["HOME"] == "/tmp"  # noqa: S108 - where a container may write
    assert ("OMP_NUM_THREADS" in environment) == (on_sagemaker or image in SERVERS)
    assert ("MARQUEE_GIT_COMMIT" in environment) == (image == "training")
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["title"] == IMAGES[image].partition(":")[0]
    assert labels["licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", labels["revision"])
    if image in SERVERS:
        assert set(config["ExposedPorts"]) == {"8080/tcp", "9090/tcp"}
