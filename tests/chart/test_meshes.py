"""NetworkPolicies: what they let through for a service mesh, and which pods they are for."""

import pytest

BOTH = "artifacts.store=object,artifacts.gateway.enabled=true,training.data.existingClaim=movielens"


def policies(objects):
    return {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == "NetworkPolicy"}


def ports(rules):
    return {port["port"] for rule in rules for port in rule.get("ports", [])}


def test_every_pod_has_its_policy(render, pods):
    objects = render("--set", BOTH)
    selectors = [one["podSelector"]["matchLabels"].items() for one in policies(objects).values()]
    for name, metadata, _ in pods(objects):
        assert any(selector <= metadata["labels"].items() for selector in selectors), name


def test_tests_and_rollbacks_reach_what_they_need(render):
    for settings, egress in ((BOTH, {53, 5353, 7070, 8080}), ("tests.enabled=true", {53, 5353, 8080})):
        found = policies(render("--set", settings))
        test, rollback = found["films-marquee-test"], found["films-marquee-rollback"]
        assert test["ingress"] == rollback["ingress"] == []
        assert ports(test["egress"]) == egress
        assert ports(rollback["egress"]) == (egress - {8080} if settings == BOTH else set())


@pytest.mark.parametrize(
    ("mesh", "between", "scraped", "control"),
    [("istio", 15008, {15020, 15090}, {15012}), ("linkerd", 4143, {4191}, {8080, 8086, 8090})],
)
def test_a_mesh_gets_through(render, mesh, between, scraped, control):
    found = policies(render("--set", f"{BOTH},networkPolicy.mesh={mesh}"))
    for name, spec in found.items():
        assert control <= ports(spec["egress"]), name
        assert 53 in ports(spec["egress"]), name
        assert scraped <= ports(spec["ingress"]), name
    for name in ("reranker", "retrieval", "gateway"):
        first = found[f"films-marquee-{name}"]["ingress"][0]
        assert between in ports([first]), name
        if name != "reranker":  # everyone may call the API
            assert first["from"], name
    assert between in ports(found["films-marquee-test"]["egress"])
    # Through the tunnel of a mesh one gets no further than those who may come without it.
    assert not any(
        rule.get("from") is None and rule.keys() != {"ports"} for rule in found["films-marquee-retrieval"]["ingress"]
    )
    without = policies(render("--set", BOTH))
    assert not (control | scraped | {between}) & {
        port for spec in without.values() for port in ports([*spec["ingress"], *spec["egress"]])
    } - {8080}


def test_rules_of_ones_own_are_in_every_policy(render, tmp_path):
    (tmp_path / "values.yaml").write_text("""
networkPolicy:
  extraIngress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]
  extraEgress: [{to: [{ipBlock: {cidr: 198.51.100.0/24}}]}]
""")
    for name, spec in policies(render("--set", BOTH, "-f", str(tmp_path / "values.yaml"))).items():
        assert {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]} in spec["ingress"], name
        assert {"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]} in spec["egress"], name
