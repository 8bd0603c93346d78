"""The way out of TorchServe, and the way out of the cluster."""

from tests.cluster.conftest import Load, run, until


def test_kserves_own_server_takes_over_under_load(release):
    before, asked = {pod.metadata.uid for pod in release.pods("retrieval")}, release.ask()
    # Few requests: a machine that can barely start the new server would shed some, which is no fault of the exchange.
    with Load(release, 10, 60) as load:
        release.install("--set", "retrieval.server=kserve")
        until(lambda: not before & {pod.metadata.uid for pod in release.pods("retrieval")}, 120, "kserve's pods")
    load.summary(600)
    (pod, *_) = release.ready_pods("retrieval")
    assert "marquee-retrieval-kserve" in pod.spec.containers[0].image
    answer = release.ask()
    assert answer["degraded"] == []
    assert answer["recommendations"] == asked["recommendations"]  # to the last digit
    release.helm("test", release.name, seconds=200)


def test_uninstall_leaves_the_volume(release):
    said = run("k8s/uninstall", seconds=400, NAMESPACE=release.namespace)
    assert "persistentvolumeclaim/marquee-artifacts" in said
    kinds = "all,hpa,pdb,networkpolicy,serviceaccount,pvc,inferenceservice,servingruntime"

    def left():
        # The load generator is not the release's.
        found = release.kubectl("get", kinds, "-o", "name").split()
        return {name for name in found if "marquee-load" not in name}

    wanted = {"serviceaccount/default", "persistentvolumeclaim/marquee-artifacts"}
    until(lambda: left() == wanted, 90, f"nothing but {wanted}")
