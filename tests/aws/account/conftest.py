"""An account: moto's server. What it can't run (SAM's resources, aliases, gateways) is left to a small stack with the
same parameters, whose output names a real API: the function itself, over HTTP on this machine, with the model that the
stack's parameters name. `make test-aws` runs this folder with .venv-aws/tools, and SAM in .venv-aws/sam.
"""

import io
import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.cloudformation.models import ChangeSet, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.authorization import enable_iam_authentication
from moto.ecr.models import ECRBackend
from moto.iam.access_control import IAMRequestBase
from moto.moto_api._internal import moto_api_backend
from moto.s3.models import S3Backend
from moto.server import ThreadedMotoServer

from aws import deploy
from aws.archives import write_zip
from aws.build import write_manifest
from marquee.bundle import load, publish
from marquee.errors import RetrievalUnavailable
from marquee.retrieval.exact import ExactSearch
from marquee.settings import Settings
from marquee_lambda.app import App

ROOT = Path(__file__).parents[3]
ORIGIN = "https://films.example.org"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAM": str(Path(os.environ.get("AWS_ENVS", ROOT / ".venv-aws")) / "sam/bin/sam"),
    "SAM_CLI_POLL_DELAY": "0.1",
    "CORS_ORIGINS": ORIGIN,
    "STAGE": "test",
    "SMOKE_SECONDS": "1",
    "POWERTOOLS_SERVICE_NAME": "marquee-test",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # moto has no bucket policies, and says so.
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:Tried to parse AWS.*S3.*BucketPolicy:UserWarning"))


@pytest.fixture(autouse=True)
def _imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adoption by change sets, which moto doesn't know."""
    create_set, adopts = CloudFormationResponse.create_change_set, []

    def create_change_set(request: Any) -> Any:
        adopts[:] = [True] * request._get_bool_param("ImportExistingResources", False)
        return create_set(request)

    def or_adopt(create: Any, existing: str) -> Any:
        def create_or_adopt(backend: Any, *arguments: Any, **named: Any) -> Any:
            name = arguments[0] if arguments else named["repository_name"]
            found = getattr(backend, existing).get(name)
            return found if adopts and found else create(backend, *arguments, **named)

        return create_or_adopt

    monkeypatch.setattr(CloudFormationResponse, "create_change_set", create_change_set)
    for backend, method, existing in (
        (S3Backend, "create_bucket", "buckets"),
        (ECRBackend, "create_repository", "repositories"),
    ):
        monkeypatch.setattr(backend, method, or_adopt(getattr(backend, method), existing))


@pytest.fixture(autouse=True)
def _outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What moto does differently.

    It forgets that a change set also changes a stack's parameters, tags and outputs, and has lists as Python's. It
    refuses to make an empty change set, where CloudFormation makes one that has failed.
    """
    apply = ChangeSet.apply

    def apply_with_outputs(changes: Any) -> None:
        apply(changes)
        changes.stack.template_dict, changes.stack.parameters = changes.template_dict, changes.parameters
        changes.stack.tags = changes.tags
        changes.stack.output_map = changes.stack._create_output_map()

    def as_text(stack: Any) -> list[dict[str, str]]:
        given = stack.stack_parameters.items()
        text = {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in given}
        return [{"ParameterKey": key, "ParameterValue": value} for key, value in text.items()]

    monkeypatch.setattr(ChangeSet, "apply", apply_with_outputs)
    monkeypatch.setattr(Stack, "parameter_list", property(as_text))
    monkeypatch.setattr(CloudFormationResponse, "_validate_different_update", lambda *_: None)


class Down:
    """A retriever whose endpoint can't be used."""

    def candidates(self, *_: Any) -> Any:
        raise RetrievalUnavailable("timeout")


class Skewed:
    """A retriever whose endpoint still has another bundle."""

    def __init__(self, search: ExactSearch) -> None:
        self._search = search

    def candidates(self, *query: Any) -> Any:
        return self._search.candidates(*query)._replace(model_version="another")


class Account:
    """moto's account, and what a user has on their machine."""

    def __init__(self, folder: Path, make_contents: Any) -> None:
        self._folder, self._make_contents = folder, make_contents
        self.apps: dict[str, App] = {}  # by the key of the model that they have

    @property
    def record(self) -> deploy.Account:
        return deploy.Account()

    def run(self, command: str) -> int:
        return deploy.main([command])

    def stacks(self) -> list[str]:
        found = boto3.client("cloudformation").describe_stacks()["Stacks"]
        return sorted(one["StackName"] for one in found)

    def build(self, seed: int, endpoint: str = "healthy") -> str:
        """Train and build version `seed`; the model's key."""
        store = self._folder / f"store-{seed}"
        publish(store, self._make_contents(n_movies=60, seed=seed, columns=True), force=True)
        names = ("model", "function", "packages", "bundle")
        built = {what: write_zip(deploy.FOLDER / what, {what: b"%d" % seed}) for what in names}
        write_manifest(deploy.FOLDER, load(store), "arm64", built)
        made_by = {"healthy": None, "down": lambda _: Down(), "skewed": lambda _: Skewed(ExactSearch(load(store)))}
        app = App(Settings(artifacts=store, cors_origins=[ORIGIN]), make_retriever=made_by[endpoint])
        app._telemetry.logger.registered_handler.setStream(io.StringIO())
        key = deploy.KEYS["ModelKey"][1].format(sha256=built["model"].sha256)
        self.apps[key] = app
        return key

    def push(self) -> None:
        """Push an image to the repository, and name it by digest."""
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": {}, "layers": []})
        image = {"repositoryName": "marquee-sagemaker-test", "imageManifest": manifest, "imageTag": "1"}
        digest = boto3.client("ecr").put_image(**image)["image"]["imageId"]["imageDigest"]
        os.environ["IMAGE"] = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/marquee-sagemaker-test@{digest}"

    def parameters(self) -> dict[str, str]:
        """Of the app stack; empty without one."""
        found = boto3.client("cloudformation").describe_stacks()["Stacks"]
        (mine,) = [one for one in found if one["StackName"] == "marquee-test"] or [{}]
        return {one["ParameterKey"]: one["ParameterValue"] for one in mine.get("Parameters", [])}

    def deployed(self) -> str | None:
        """The key of the model that the app stack has."""
        return self.parameters().get("ModelKey")

    def answer(self, method: str, path: str, headers: dict[str, str], body: str) -> Any:
        """The deployed function's answer."""
        context = {"stage": "$default", "http": {"method": method, "path": path}}
        event = {"headers": headers, "rawPath": path, "requestContext": context, "body": body}
        return self.apps[str(self.deployed())].answer(event, None)


def serve(account: Account) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            answer = account.answer(self.command, self.path, dict(self.headers.items()), body)
            self.send_response(answer["statusCode"])
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer["body"].encode())

        do_OPTIONS = do_POST  # noqa: N815 - the base class's name

        def log_message(self, *_: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def account(tmp_path: Path, make_contents: Any, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> Iterator[Account]:
    """An empty account, and a machine on which version 1 was built."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "MARQUEE_")):
            monkeypatch.delenv(name)
    unset = dict.fromkeys(("IMAGE", "CONFIRM", "PURGE"), "")
    for name, value in {**ENVIRONMENT, **unset, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    moto_api_backend.reset()
    made = Account(tmp_path, make_contents)
    server = serve(made)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "bootstrap.yaml").write_bytes((deploy.TEMPLATES / "bootstrap.yaml").read_bytes())
    (templates / "app.yaml").write_text(stand_in(f"http://127.0.0.1:{server.server_port}"))
    monkeypatch.setattr(deploy, "TEMPLATES", templates)
    made.build(1)
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def deployer(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All requests by a user who has the deployer's policies and no more, and whom moto checks."""
    assert account.run("policies") == 0
    iam = boto3.client("iam")
    iam.create_user(UserName="deployer")
    for path in (deploy.FOLDER / "policies").glob("*.json"):
        policy = json.loads(path.read_text())
        for statement in policy["Statement"]:
            if "s3:" not in json.dumps(statement["Action"]):  # moto knows the resources of S3 alone
                statement["Resource"] = "*"
            elif statement["Sid"] == "Bucket":
                statement["Action"].append("s3:HeadBucket")  # moto's name for a request that s3:ListBucket allows
            statement.pop("Condition", None)
        named = {"UserName": "deployer", "PolicyName": path.stem, "PolicyDocument": json.dumps(policy)}
        iam.put_user_policy(**named)
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # boto3.client's, with the credentials of before
    # It reckons the signatures of some of Lambda's requests wrong; actions are what this is about.
    monkeypatch.setattr(IAMRequestBase, "check_signature", lambda _: None)
    with enable_iam_authentication():
        yield
    boto3.DEFAULT_SESSION = None


def stand_in(url: str) -> str:
    """The app stack's parameters, and next to nothing behind them."""
    text = (deploy.TEMPLATES / "app.yaml").read_text()
    (parameters,) = re.findall(r"^Parameters:\n.*?(?=^\w+:)", text, re.MULTILINE | re.DOTALL)
    resources = (
        'Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties: {TopicName: !Sub "marquee-${Stage}"}\n'
    )
    return f"{parameters}{resources}Outputs:\n  Url: {{Value: {url!r}}}\n"
