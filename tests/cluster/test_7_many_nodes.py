"""Training by several pods: an Indexed Job with torchrun. The pods stand for nodes."""

from kubernetes import client

from tests.cluster.conftest import until

# Long enough to be killed in the middle.
SLOW = "seed = 7\neval_folds_run = 1\nepochs = 24\npatience = 24\neval_every = 2\n"


def nodes(release, job, phase):
    """The Job's pods in a phase: index -> name."""
    selector = f"batch.kubernetes.io/job-name={job}"
    pods = client.CoreV1Api().list_namespaced_pod(release.namespace, label_selector=selector).items
    index = "batch.kubernetes.io/job-completion-index"
    return {pod.metadata.labels[index]: pod.metadata.name for pod in pods if pod.status.phase == phase}


def test_two_pods_train_together_and_go_on_after_one_was_killed(release, tmp_path):
    old = release.ask()["model_version"]
    config = tmp_path / "training.toml"
    config.write_text(SLOW)
    several = ("--set", "training.backend=torchrun,training.nodes=2,training.force=true")
    # Not k8s/install, which would wait for the Job's end: one pod has to die in the middle of it.
    file = ("--set-file", f"training.configToml={config}")
    release.helm("upgrade", release.name, "charts/marquee", "--reset-then-reuse-values", *several, *file)
    jobs = client.BatchV1Api().list_namespaced_job(release.namespace).items
    (job,) = [found.metadata.name for found in jobs if found.spec.completion_mode == "Indexed"]

    running = until(lambda: len(found := nodes(release, job, "Running")) == 2 and found, 60, "two pods")
    until(lambda: "fold 1/1: epoch" in release.kubectl("logs", running["0"]), 180, "an epoch of the first fold")
    assert "configuration /config/training.toml, 2 processes" in release.kubectl("logs", running["0"])
    release.kubectl("delete", "pod", running["1"], "--grace-period=0", "--force")
    until(lambda: nodes(release, job, "Failed") == {"0": running["0"]}, 60, "the end of the other pod")

    release.wait_for_job(job, 600)
    ended = nodes(release, job, "Succeeded")
    assert set(ended) == {"0", "1"}
    assert "published" in release.kubectl("logs", ended["0"])
    assert "published" not in release.kubectl("logs", ended["1"])
    until(lambda: release.ask()["model_version"] != old, 60, "the new model")
