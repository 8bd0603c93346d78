"""Rules over the templates, as text: what cfn-lint doesn't know."""

import json
import re

import pytest
import yaml

from aws.deploy import KEYS, OF_FUNCTION, choose, release, variable
from marquee.settings import FOREIGN, Settings

from .conftest import ROOT


class Loader(yaml.SafeLoader):
    """Reads !Ref, !Sub and the like as {"Ref": ...}."""


Loader.add_multi_constructor(
    "!",
    lambda loader, tag, node: {
        tag: loader.construct_scalar(node)
        if isinstance(node, yaml.ScalarNode)
        else loader.construct_sequence(node, deep=True)
        if isinstance(node, yaml.SequenceNode)
        else loader.construct_mapping(node, deep=True)
    },
)
APP, BOOTSTRAP = (
    yaml.load((ROOT / f"aws/templates/{name}.yaml").read_text(), Loader)  # noqa: S506 - a SafeLoader
    for name in ("app", "bootstrap")
)
RESOURCES = APP["Resources"]


def of(kind, template=APP):
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


def statements():
    for name, role in of("AWS::IAM::Role").items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                yield name, [actions] if isinstance(actions, str) else actions, statement["Resource"]


def test_nothing_outgrows_what_holds_it():
    """CloudFormation takes templates of 51,200 bytes in a request, as SAM sends them; IAM has limits of policies."""
    for name in ("app", "bootstrap"):
        assert (ROOT / f"aws/templates/{name}.yaml").stat().st_size < 51_200
    for role in of("AWS::IAM::Role").values():
        assert sum(len(json.dumps(policy)) for policy in role["Policies"]) < 10_240
    # Room in the policy with which AWS delivers logs: 5,120 characters, filled by groups with other names.
    assert of("AWS::Logs::LogGroup")["ApiLogs"]["LogGroupName"]["Sub"].startswith("/aws/vendedlogs/")


def test_no_rule_expires_an_image_that_may_be_in_use():
    assert "LifecyclePolicy" not in of("AWS::ECR::Repository", BOOTSTRAP)["Images"]


def test_every_role_has_the_companys_boundary():
    for role in of("AWS::IAM::Role").values():
        assert role["PermissionsBoundary"] == {
            "If": ["HasBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]
        }
    pattern = re.compile(APP["Parameters"]["PermissionsBoundary"]["AllowedPattern"])
    for arn in ("", "arn:aws:iam::123456789012:policy/team/bound", "arn:aws-cn:iam::aws:policy/PowerUserAccess"):
        assert pattern.fullmatch(arn)
    assert not pattern.fullmatch("bound")


def test_the_root_path_and_timeouts_are_those_that_settings_take():
    for name in ("RootPath", "SagemakerSeconds"):
        pattern = re.compile(APP["Parameters"][name]["AllowedPattern"])
        for text in ("", "/films", "/a/b", "films", "/", "//x", "/../x", "0.3", "20", "1.", "-1"):
            try:
                setting = {"RootPath": "root_path", "SagemakerSeconds": "sagemaker_seconds"}[name]
                taken = str(getattr(Settings(**{setting: text}), setting)).removesuffix(".0") == text
            except ValueError:
                taken = False
            assert bool(pattern.fullmatch(text)) == taken, (name, text)


def test_the_function_may_call_one_endpoint():
    found = [(name, resource) for name, actions, resource in statements() if "sagemaker:InvokeEndpoint" in actions]
    ((role, resource),) = found
    assert role == "FunctionRole"
    assert resource["Sub"].endswith(":endpoint/marquee-${Stage}")


def test_no_action_is_a_pattern_and_few_resources_are():
    anywhere = {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", "cloudwatch:DescribeAlarms"}
    anywhere |= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}  # none of them can be narrowed
    for _, actions, resource in statements():
        assert not any("*" in action for action in actions)
        assert resource != "*" or set(actions) <= anywhere


KNOWN = {f"MARQUEE_{name.upper()}" for name in Settings.model_fields}
OLDER = {"MARQUEE_ARTIFACTS": "MARQUEE_ARTIFACTS_DIR"}
# Of the function's settings, those that the template leaves at their defaults, or to Lambda (AWS_REGION).
DEFAULTS = {"AWS_REGION"}
# What a function has no use for: it doesn't listen, queue, reload or ask over HTTP, and it logs JSON.
OF_SERVERS = {"HOST", "PORT", "METRICS_PORT", "RELOAD_SECONDS", "THREADS", "LOG_FORMAT", "SHUTDOWN_SECONDS"}
OF_SERVERS |= {"KEEP_ALIVE_SECONDS", "READ_SECONDS", "WORKERS", "ITEMS_SECONDS", "ITEMS_TOKEN"}
OF_SERVERS |= {"MAX_INFLIGHT", "MAX_QUEUE", "QUEUE_SECONDS", "CACHE_DIR", "MODEL", "SHADOW_MODEL", "SHADOW_SHARE"}
OF_SERVERS |= {
    "OPERATOR",
    "PAGE_NOVELTY",
    "ROLLBACK",
    "SWEEP_PLOT",
    "TMDB_KEY",
    "TMDB_URL",
    "TMDB_IMAGE_URL",
}  # of the page, which no function serves


def environments():
    _, own, _ = of("AWS::SageMaker::Model")["Model"]["PrimaryContainer"]["Environment"]["If"]
    function = of("AWS::Serverless::Function")["Function"]["Environment"]["Variables"]
    return [{name for name in given if name.startswith("MARQUEE_")} for given in (function, own)]


def test_every_setting_in_the_template_is_one_that_settings_know():
    for given in environments():
        assert given
        assert given <= KNOWN | FOREIGN


def test_every_setting_is_in_the_template_or_left_out_on_purpose():
    function, _ = environments()
    over_http = {name for name in KNOWN if name.startswith("MARQUEE_RETRIEVAL_")}
    left_out = {f"MARQUEE_{name}" for name in DEFAULTS | OF_SERVERS} | over_http
    assert function | left_out == {OLDER.get(name, name) for name in KNOWN}
    assert not function & left_out


def test_every_setting_in_helms_values_is_one_that_settings_know_and_back():
    schema = json.loads((ROOT / "charts/marquee/values.schema.json").read_text())
    values = yaml.safe_load((ROOT / "charts/marquee/values.yaml").read_text())

    def keys(part):
        named = schema["properties"][part]["properties"]["settings"]["properties"]
        return {"MARQUEE_" + re.sub("([A-Z])", r"_\1", name).upper() for name in {*named, *values[part]["settings"]}}

    assert keys("reranker") | keys("retrieval") <= KNOWN
    # And back. The chart's templates set these; and what is AWS's is no value of the chart.
    by_the_chart = {
        f"MARQUEE_{name}" for name in ("PROFILE", "ARTIFACTS", "CACHE_DIR", "MODEL", "HOST", "PORT", "METRICS_PORT")
    }
    by_the_chart |= {
        "MARQUEE_RETRIEVAL_URL",
        "MARQUEE_RETRIEVAL_PROTOCOL",
        "MARQUEE_ROLLBACK",
        "MARQUEE_TMDB_KEY",
        "MARQUEE_ROOT_PATH",
    }
    by_the_chart |= {f"MARQUEE_{name}" for name in ("RETRIEVAL_CANARY_URL", "RETRIEVAL_CANARY_SHARE")}
    by_the_chart |= {"MARQUEE_SHADOW_MODEL", "MARQUEE_SHADOW_SHARE", "MARQUEE_ITEMS_TOKEN", "MARQUEE_ITEMS_SECONDS"}
    of_aws = {name for name in KNOWN if name.startswith(("MARQUEE_SAGEMAKER_", "MARQUEE_AWS_"))}
    assert keys("reranker") == KNOWN - by_the_chart - of_aws


def test_every_setting_in_the_charts_templates_is_one_that_settings_know():
    for path in (ROOT / "charts/marquee/templates").rglob("*"):
        if path.is_file():
            assert set(re.findall(r"name: (MARQUEE_[A-Z_]+)", path.read_text())) <= KNOWN | FOREIGN, path


def test_the_profile_is_the_only_switch():
    """Nothing but composition roots asks where it runs."""
    asking = {
        path.relative_to(ROOT).as_posix()
        for folder in ("src", "serving", "aws", "training")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\bprofile\b *==", path.read_text())
    }
    assert asking == {
        "src/marquee/settings.py",
        "serving/reranker/marquee_reranker/server.py",
        "aws/lambda/marquee_lambda/app.py",
    }


def test_logs_end_and_data_stays():
    groups = of("AWS::Logs::LogGroup")
    assert len(groups) == 3
    assert all(group["RetentionInDays"] == {"Ref": "LogDays"} for group in groups.values())
    for name in ("Artifacts", "Images"):
        assert BOOTSTRAP["Resources"][name]["DeletionPolicy"] == "Retain"


def test_alarms():
    alarms = of("AWS::CloudWatch::Alarm")
    assert set(alarms) == {
        "Api5xx",
        "FunctionErrors",
        "NewVersionErrors",
        "Throttles",
        "Duration",
        "FallbackShare",
        "Endpoint5xx",
        "ModelLatency",
    }
    assert all(alarm["TreatMissingData"] == "notBreaching" for alarm in alarms.values())
    assert alarms["ModelLatency"]["Threshold"] == 250_000  # microseconds
    text = (ROOT / "aws/lambda/marquee_lambda/telemetry.py").read_text()
    for metric in alarms["FallbackShare"]["Metrics"]:
        if "MetricStat" in metric:
            assert f'"{metric["MetricStat"]["Metric"]["MetricName"]}"' in text


def test_alarms_reach_their_topic():
    ((name, topic),) = of("AWS::SNS::Topic").items()
    # CloudWatch may use neither SNS's own key nor one whose policy doesn't name it, and nobody hears of what is lost.
    assert "KmsMasterKeyId" not in topic
    told = {alarm for alarm, one in of("AWS::CloudWatch::Alarm").items() if one.get("AlarmActions") == [{"Ref": name}]}
    assert set(of("AWS::CloudWatch::Alarm")) - told == {"NewVersionErrors"}  # it is for deployments


def test_a_deployment_of_instances_is_stopped_by_alarms_in_time():
    condition, instances, serverless = of("AWS::SageMaker::Endpoint")["Endpoint"]["DeploymentConfig"]["If"]
    assert (condition, serverless) == ("IsInstance", {"Ref": "AWS::NoValue"})
    single, whole, halves = instances["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["If"]
    assert APP["Conditions"][single] == {"Equals": [{"Ref": "InstanceCount"}, 1]}
    assert whole["Type"] == "ALL_AT_ONCE"  # one instance can't be halved
    assert halves["Type"] == "LINEAR"
    asked = {one["AlarmName"]["Sub"] for one in instances["AutoRollbackConfiguration"]["Alarms"]}
    alarms = {
        name: alarm
        for name, alarm in of("AWS::CloudWatch::Alarm").items()
        if isinstance(alarm["AlarmName"]["Sub"], str) and alarm["AlarmName"]["Sub"] in asked
    }
    assert len(alarms) == len(asked) == 2
    assert set(alarms) < set(RESOURCES["Endpoint"]["DependsOn"])
    (readable,) = [
        {one["Sub"].rpartition(":")[2] for one in resource}
        for role, actions, resource in statements()
        if role == "ModelRole" and actions == ["cloudwatch:DescribeAlarms"]
    ]
    assert readable == asked
    for alarm in alarms.values():  # a minute for the metric to come included
        for way in (whole, halves):
            assert alarm["DatapointsToAlarm"] * alarm["Period"] + 60 < way["WaitIntervalInSeconds"]


def test_codedeploy_may_read_the_concurrency_of_versions_and_aliases():
    resources = {action: resource for _, actions, resource in statements() for action in actions}
    assert resources["lambda:GetProvisionedConcurrencyConfig"]["Sub"].endswith(":function:marquee-${Stage}:*")
    assert resources["lambda:UpdateAlias"]["Sub"].endswith(":function:marquee-${Stage}")


def test_the_dashboard_is_json():
    body = of("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Sub"]
    assert len(json.loads(body)["widgets"]) == 4


def test_cors_is_a_list_and_never_everything():
    cors = of("AWS::Serverless::HttpApi")["Api"]["CorsConfiguration"]
    assert cors["AllowOrigins"] == {"Ref": "CorsOrigins"}
    origins = APP["Parameters"]["CorsOrigins"]
    allowed = re.compile(origins["AllowedPattern"])  # CloudFormation holds each item of the list against it
    for origin, fits in (
        ("*", False),
        ("https://a.example", True),
        ("http://localhost:3000", True),
        ("a.example", False),
    ):
        assert bool(allowed.fullmatch(origin)) == fits
    assert allowed.fullmatch(origins["Default"])
    text, parts = of("AWS::Serverless::Function")["Function"]["Environment"]["Variables"]["MARQUEE_CORS_ORIGINS"]["Sub"]
    separator, items = parts["Origins"]["Join"]
    assert items == {"Ref": "CorsOrigins"}
    given = text.replace("${Origins}", separator.join(["https://a.example", "https://b.example"]))
    assert Settings(cors_origins=json.loads(given)).cors_origins == ["https://a.example", "https://b.example"]


def test_the_tool_gives_every_parameter_without_a_default():
    made = {"Bucket", "RepositoryArn", "ImageUri"}
    assert {name for name, one in APP["Parameters"].items() if "Default" not in one} == made | set(KEYS)


def test_the_variables_are_the_documented_ones():
    text = (ROOT / "docs/aws.md").read_text()
    made = {"Stage", "Bucket", "RepositoryArn", "ImageUri", "Architecture", "Release", *KEYS}
    for name in set(APP["Parameters"]) - made:
        assert f"`{variable(name)}`" in text


def named(value):
    """The parameters that a value is made of, those of the layers that it names included."""
    if isinstance(value, list):
        return set().union(*map(named, value))
    if isinstance(value, str):
        return set(re.findall(r"\$\{(\w+)\}", value)) & set(APP["Parameters"])
    if not isinstance(value, dict):
        return set()
    if isinstance(name := value.get("Ref"), str):
        return named(RESOURCES[name]["Properties"]) if name.endswith("Layer") else {name} & set(APP["Parameters"])
    return set().union(*map(named, value.values()))


def test_a_release_is_all_that_the_function_is_made_of():
    of_no_version = {"DeploymentPreference", "AutoPublishCodeSha256", "ReservedConcurrentExecutions", "Tags"}
    of_no_version |= {"ProvisionedConcurrencyConfig"}  # of the alias
    properties = {name: one for name, one in RESOURCES["Function"]["Properties"].items() if name not in of_no_version}
    assert named(properties) - {"Bucket"} == set(OF_FUNCTION)  # keys name what is in the bucket by content


def test_another_release_for_each_of_them_and_for_nothing_else():
    given = dict.fromkeys([*OF_FUNCTION, "LogDays"], "1")
    first = release("template", given)
    assert re.fullmatch(APP["Parameters"]["Release"]["AllowedPattern"], first)
    others = {release("template", {**given, name: "2"}) for name in OF_FUNCTION} | {release("another", given)}
    others |= {release("template", {one: "1" for one in given if one != name}) for name in OF_FUNCTION}
    assert len(others | {first}) == 2 * len(OF_FUNCTION) + 2
    assert release("template", {**given, "LogDays": "2"}) == first


@pytest.mark.parametrize(
    ("given", "deployed", "expected"),
    [
        ({}, {}, "30"),
        ({"LOG_DAYS": "7"}, {}, "7"),
        ({}, {"LogDays": "7"}, "7"),  # what was chosen once stays chosen
        ({"LOG_DAYS": ""}, {"LogDays": "7"}, "7"),
        ({"LOG_DAYS": "14"}, {"LogDays": "7"}, "14"),
        ({"LOG_DAYS": "default"}, {"LogDays": "7"}, "30"),
    ],
)
def test_the_choice_of_a_parameter(given, deployed, expected):
    assert choose({"LogDays": "30"}, {**deployed, "GoneSince": "1"}, given) == {"LogDays": expected}
