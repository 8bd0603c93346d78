"""A cluster that has no KServe: `auto` takes a Deployment, and everything works."""

from tests.cluster.conftest import SAMPLE, run


def test_install_ends_when_recommendations_are_served(plain, memory):
    output = plain.install("--wait", "--timeout=10m")  # helm's own waiting is enough
    assert "retrieval by a Deployment marquee-retrieval-predictor" in output
    assert "would violate PodSecurity" not in output
    assert "Warning" not in output
    answer = plain.ask()  # at once, without waiting
    assert answer["degraded"] == []
    assert answer["served_by"] == "two_tower"
    assert len(answer["recommendations"]) == SAMPLE["top_n"]
    memory["recommendations"] = answer["recommendations"]


def test_the_waiting_was_explained(plain):
    (pod,) = plain.pods("reranker")
    log = plain.kubectl("logs", pod.metadata.name, "-c", "wait-for-model")
    assert "waiting for the first model" in log
    assert plain.ask()["model_version"] in log


def test_helm_test(plain):
    plain.helm("test", plain.name, seconds=200)


def test_uninstall_leaves_the_volume_and_nothing_else(plain):
    output = plain.kubectl("get", "all,hpa,pdb,networkpolicy,configmap,secret,serviceaccount,pvc", "-o", "name")
    assert "marquee-reranker" in output
    said = run("k8s/uninstall", seconds=400, NAMESPACE=plain.namespace)
    assert "persistentvolumeclaim/marquee-artifacts" in said
    left = plain.kubectl("get", "all,hpa,pdb,networkpolicy,configmap,serviceaccount,pvc", "-o", "name").split()
    expected = {"configmap/kube-root-ca.crt", "serviceaccount/default", "persistentvolumeclaim/marquee-artifacts"}
    assert set(left) == expected
