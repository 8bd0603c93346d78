"""An account: moto's. What it can't run (SAM, aliases, gateways) is left to a small stack with the same parameters.

The API that this stack names as its output is real: the function itself, over HTTP on this machine, with the model that
the stack's parameters say. `make test-aws` runs this folder with .venv-aws/tools.
"""

import io
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from moto import mock_aws
from moto.cloudformation.models import ChangeSet, Stack

from aws.build.archives import write_zip
from aws.deploy import account as accounts
from aws.deploy import artifacts, commands, stacks
from marquee.bundle import load, publish
from marquee.errors import RetrievalUnavailable
from marquee.retrieval.exact import ExactSearch
from marquee.settings import Settings
from marquee_lambda.app import App

ORIGIN = "https://films.example.org"
TEMPLATES = stacks.TEMPLATES
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
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
def _outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto forgets that a change set also changes a stack's parameters and outputs, and tells lists as Python's."""
    apply = ChangeSet.apply

    def apply_with_outputs(changes: Any) -> None:
        apply(changes)
        changes.stack.template_dict, changes.stack.parameters = changes.template_dict, changes.parameters
        changes.stack.output_map = changes.stack._create_output_map()

    def as_text(stack: Any) -> list[dict[str, str]]:
        given = stack.stack_parameters.items()
        text = {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in given}
        return [{"ParameterKey": key, "ParameterValue": value} for key, value in text.items()]

    monkeypatch.setattr(ChangeSet, "apply", apply_with_outputs)
    monkeypatch.setattr(Stack, "parameter_list", property(as_text))


class Down:
    """A retriever whose endpoint can't be used."""

    def candidates(self, *_: Any) -> Any:
        raise RetrievalUnavailable("timeout")


class Skewed:
    """A retriever whose endpoint has another bundle still."""

    def __init__(self, search: ExactSearch) -> None:
        self._search = search

    def candidates(self, *asked: Any) -> Any:
        return self._search.candidates(*asked)._replace(model_version="another")


class Account:
    """moto's, and what a user has on their machine."""

    def __init__(self, folder: Path, make_contents: Any, run: Callable[[str], int]) -> None:
        self._folder, self._make_contents, self.run = folder, make_contents, run
        self.apps: dict[str, App] = {}  # by the key of the model that they have
        self.hang_ups: dict[str, int] = {}  # by the key of a model: how many bad requests get no answer, only an end
        self._log = io.StringIO()

    @cached_property
    def connected(self) -> accounts.Account:
        return accounts.connect()

    def stack(self, name: str) -> Any:
        return accounts.stack(self.connected, name)

    def build(self, seed: int, *, endpoint: Literal["healthy", "down", "skewed"] = "healthy") -> artifacts.Artifacts:
        """Train and build version `seed`; an endpoint that is down never answers, a skewed one has another version."""
        store = self._folder / f"store-{seed}"
        publish(store, self._make_contents(n_movies=60, seed=seed), force=True)
        os.environ["STORE"] = str(store)
        target = commands.FOLDER
        built = {what: write_zip(target / what, {what: b"%d" % seed}) for what in ("model", "function", "packages")}
        built["bundle"] = write_zip(target / "bundle", {"bundle": b"%d" % seed})
        made = artifacts.note(target, load(store).version, "arm64", built)
        settings = Settings(artifacts_dir=store, cors_origins=[ORIGIN])
        made_by = {"healthy": None, "down": lambda _: Down(), "skewed": lambda _: Skewed(ExactSearch(load(store)))}
        app = App(settings, make_retriever=made_by[endpoint])
        app._telemetry.logger.registered_handler.setStream(self._log)
        self.apps[made.keys()["ModelKey"]] = app
        return made

    def push(self) -> str:
        """An image in the repository, by digest."""
        repository = accounts.outputs(self.stack("marquee-test-bootstrap"))["Repository"]
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": {}, "layers": []})
        pushed = self.connected.client("ecr").put_image(
            repositoryName=repository.partition("/")[2], imageManifest=manifest, imageTag="1"
        )
        os.environ["IMAGE"] = f"{repository}@{pushed['image']['imageId']['imageDigest']}"
        return os.environ["IMAGE"]

    def deployed(self) -> str | None:
        """The key of the model that the app stack has; None without a stack."""
        return accounts.parameters_of(self.stack("marquee-test")).get("ModelKey")

    def hangs_up(self, body: str) -> bool:
        """Whether the connection breaks now."""
        left = self.hang_ups.get(str(self.deployed()), 0) if body == "{}" else 0
        if left:
            self.hang_ups[str(self.deployed())] = left - 1
        return left > 0

    def answer(self, method: str, path: str, headers: dict[str, str], body: str) -> Any:
        """What the deployed function answers."""
        http = {"method": method, "path": path}
        event = {
            "headers": headers,
            "rawPath": path,
            "requestContext": {"stage": "$default", "http": http},
            "body": body,
        }
        return self.apps[str(self.deployed())].answer(event, None)


def serve(account: Account) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if account.hangs_up(body):
                self.close_connection = True
                return
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


@pytest.fixture
def account(
    tmp_path: Path, make_contents: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Account]:
    """An empty account, and a machine on which version 1 was built."""
    from aws.deploy.__main__ import main

    for name in list(os.environ):
        if name.startswith(("AWS_", "MARQUEE_")) or name in {"IMAGE", "CONFIRM", "PURGE", "STORE"}:
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("IMAGE", "STORE", "CONFIRM", "PURGE"):
        monkeypatch.setenv(name, "")
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        made = Account(tmp_path, make_contents, lambda command: main([command]))
        server = serve(made)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        templates = tmp_path / "templates"
        templates.mkdir()
        (templates / "bootstrap.yaml").write_bytes((TEMPLATES / "bootstrap.yaml").read_bytes())
        (templates / "app.yaml").write_text(stand_in(f"http://127.0.0.1:{server.server_port}"))
        for module in (stacks, commands):
            monkeypatch.setattr(module, "TEMPLATES", templates)
        made.build(1)
        yield made
        server.shutdown()
        server.server_close()
        thread.join()


def stand_in(url: str) -> str:
    """The app stack's parameters, and next to nothing behind them."""
    text = (TEMPLATES / "app.yaml").read_text()
    (parameters,) = re.findall(r"^Parameters:\n.*?(?=^\w+:)", text, re.MULTILINE | re.DOTALL)
    resources = (
        'Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties: {TopicName: !Sub "marquee-${Stage}"}\n'
    )
    return f"{parameters}{resources}Outputs:\n  Url: {{Value: {url!r}}}\n"
