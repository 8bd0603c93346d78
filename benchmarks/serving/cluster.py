"""The same load inside a kind cluster: vegeta runs as a pod and asks the re-ranker's Service."""

import json
import os
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.quality.environments import ROOT
from benchmarks.serving.generator import TIMEOUT_SECONDS, judge, parse, targets, vegeta
from marquee.errors import ConfigError

HERE = Path(__file__).parent
NAME = "marquee-vegeta"
IMAGE = f"{NAME}:bench"  # the re-ranker's, which has Python, with vegeta and the requests in it
RATES = (60, 100)
CLUSTER, NAMESPACE, RELEASE = (os.environ.get(name, "marquee") for name in ("CLUSTER", "NAMESPACE", "RELEASE"))
# In the pod. Rows are encoded as they come: at these rates that costs next to nothing.
ATTACK = (
    "import subprocess as s; p = s.Popen(['/vegeta', 'attack', '-format=json', '-lazy', '-targets=/targets.json', "
    "'-rate={rate}/1s', '-duration={seconds}s', '-timeout={timeout}s', '-max-body=0'], stdout=s.PIPE); "
    "s.run(['/vegeta', 'encode', '-to', 'csv'], stdin=p.stdout, check=True)"
)
# Of the pod's processes, which are all that it sees. Not from cgroup files: where they are differs between nodes.
CPU = (
    "import glob, os; texts = [open(path).read() for path in glob.glob('/proc/[0-9]*/stat')]; "
    "rows = [text.rpartition(')')[2].split() for text in texts]; "
    "print(sum(int(row[11]) + int(row[12]) for row in rows) / os.sysconf('SC_CLK_TCK'))"
)
KNOWN = (
    "import json, urllib.request as u; url = 'http://127.0.0.1:8080/v1/movies/sample?n=50&seed='; "
    "draws = [json.load(u.urlopen(url + str(seed)))['movies'] for seed in range(10)]; "
    "print(json.dumps(sorted({film['movie_id'] for films in draws for film in films})))"
)


def run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=stdin, cwd=ROOT)
    if done.returncode:
        raise ConfigError(f"{' '.join(command[:6])} ...: {(done.stderr or done.stdout)[-2000:]}", fix="see its message")
    return done.stdout


def kube(*words: str, stdin: str | None = None) -> str:
    return run("kubectl", "--context", f"kind-{CLUSTER}", "-n", NAMESPACE, *words, stdin=stdin)


def available() -> bool:
    """Whether there is a cluster to measure in."""
    return bool(shutil.which("kind")) and CLUSTER in run("kind", "get", "clusters").split()


def in_cluster(folder: Path, seconds: float, say: Any) -> list[dict[str, Any]]:
    """One pod of each server; for each rate what visitors saw, and the cores that both pods used."""
    if not available():
        raise ConfigError(f"there is no kind cluster {CLUSTER!r}", fix="make images kind-up kind-load install")
    run("k8s/install", "--reset-then-reuse-values", "-f", str(HERE / "one-pod.yaml"))
    found = json.loads(kube("get", "pods", "-l", f"app.kubernetes.io/instance={RELEASE}", "-o", "json"))["items"]
    pods = {}
    for pod in found:
        labels = pod["metadata"]["labels"]
        if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running":
            pods[labels["app.kubernetes.io/component"]] = pod
    base = pods["reranker"]["spec"]["containers"][0]["image"]
    of = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=reranker"
    service = kube(
        "get", "service", "-l", of, "-o", "jsonpath={.items[0].metadata.name}:{.items[0].spec.ports[0].port}"
    )
    ids = json.loads(python(pods["reranker"], KNOWN))
    steps = []
    for rate in (RATES[0], *RATES):  # the first is the warm-up
        (folder / "targets.json").write_text(targets(f"http://{service}", ids, int(rate * seconds), seed=len(steps)))
        shutil.copy(vegeta(), folder / "vegeta")
        (folder / "Dockerfile").write_text(f"FROM {base}\nCOPY vegeta targets.json /\n")
        run("docker", "build", "--quiet", "--tag", IMAGE, str(folder))
        run("kind", "load", "docker-image", "--name", CLUSTER, IMAGE)
        before = {name: used(pods[name]) for name in ("reranker", "retrieval")}
        rows = job(ATTACK.format(rate=rate, seconds=seconds, timeout=TIMEOUT_SECONDS))
        cores = tuple((name, (used(pods[name]) - seen) / seconds) for name, seen in before.items())
        step = replace(judge(parse(rows.splitlines()), rate, seconds), cores=cores)
        say(f"in-cluster: {rate}/s: goodput {step.goodput:.0f}, p50 {step.p50:.1f}, p99 {step.p99:.1f} {step.errors}")
        steps.append(asdict(step))
    return steps[1:]


def job(code: str) -> str:
    """Run code in a pod of the generator's image, with the rights of `k8s/load`'s; returns its output."""
    made = yaml.safe_load((ROOT / "k8s" / "load-job.yaml").read_text("utf-8"))
    made["metadata"]["name"] = NAME
    pod = made["spec"]["template"]["spec"]
    del pod["volumes"], pod["containers"][0]["volumeMounts"]
    pod["containers"][0] |= {"image": IMAGE, "imagePullPolicy": "Never", "command": ["python3", "-c", code], "args": []}
    kube("delete", "job", NAME, "--ignore-not-found", "--wait")
    kube("apply", "-f", "-", stdin=json.dumps(made))
    kube("wait", f"job/{NAME}", "--for", "condition=Complete", "--timeout", "300s")
    return kube("logs", f"job/{NAME}")


def python(pod: dict[str, Any], code: str) -> str:
    """Run code in a pod's first container."""
    container = pod["spec"]["containers"][0]["name"]
    return kube("exec", pod["metadata"]["name"], "-c", container, "--", "python3", "-c", code)


def used(pod: dict[str, Any]) -> float:
    """Seconds of processor time of a pod's container so far."""
    return float(python(pod, CPU))
