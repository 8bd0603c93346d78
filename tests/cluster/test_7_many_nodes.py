"""Training by several pods: an Indexed Job with torchrun. The pods stand for nodes."""

from kubernetes import client

from tests.cluster.conftest import until

# Long enough to be killed in the middle.
SLOW = "seed = 7\neval_folds_run = 1\nepochs = 60\npatience = 60\neval_every = 2\n"


def train_pods(release, job):
    selector = f"batch.kubernetes.io/job-name={job}"
    return client.CoreV1Api().list_namespaced_pod(release.namespace, label_selector=selector).items


def test_two_pods_train_together_and_go_on_after_one_was_killed(release, tmp_path):
    old = release.ask()["model_version"]
    config = tmp_path / "training.toml"
    config.write_text(SLOW)
    several = ("--set", "training.backend=torchrun,training.nodes=2,training.force=true")
    # Not k8s/install, which would wait for the Job's end: one pod has to die in the middle of it.
    release.helm(
        "upgrade", release.name, "charts/marquee", "--reuse-values", *several, "--set-file", f"training.configToml={config}"
    )
    jobs = client.BatchV1Api().list_namespaced_job(release.namespace).items
    (job,) = [found.metadata.name for found in jobs if found.spec.completion_mode == "Indexed"]

    def log(index, *options):
        selector = f"batch.kubernetes.io/job-name={job},batch.kubernetes.io/job-completion-index={index}"
        return release.kubectl("logs", "-l", selector, "--tail", 200, *options, check=False)

    until(lambda: "fold 1/1: epoch" in log(0), 180, "an epoch of the first fold")
    assert "configuration /config/training.toml, 2 processes" in log(0)
    victims = [pod for pod in train_pods(release, job) if pod.metadata.labels["batch.kubernetes.io/job-completion-index"] == "1"]
    release.kubectl("delete", "pod", victims[0].metadata.name, "--grace-period=0", "--force")

    assert "published" in release.wait_for_job(job, 600)
    ended = [pod for pod in train_pods(release, job) if pod.status.phase == "Succeeded"]
    assert len(ended) == 2
    assert any(pod.status.phase == "Failed" for pod in train_pods(release, job)), "the other pod should have noticed"
    until(lambda: release.ask()["model_version"] != old, 60, "the new model")
