"""What a user can touch is documented, and what the README shows runs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from marquee.settings import Settings
from marquee_cli.main import app
from marquee_training.config import TrainingConfig, load_config
from marquee_training.sweep.sizes import SIZES, settings_of

ROOT = Path(__file__).parents[2]
COMMANDS = typer.main.get_command(app).commands


def page(name):
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_its_options_are_documented(name):
    section = re.search(rf"^## marquee {name}$(.*?)(?=^## |\Z)", page("cli.md"), re.MULTILINE | re.DOTALL)
    assert section, f"docs/cli.md has no section for {name}"
    for parameter in COMMANDS[name].params:
        for option in (o for o in parameter.opts if o.startswith("--")):
            assert f"`{option}" in section[1], f"docs/cli.md: marquee {name} {option}"


def test_every_setting_is_documented_with_its_default():
    text = page("configuration.md")
    for name, field in Settings.model_fields.items():
        row = re.search(rf"^\| `MARQUEE_{name.upper()}` \| `(.*?)` \| (.*) \|$", text, re.MULTILINE)
        assert row, f"docs/configuration.md: MARQUEE_{name.upper()}"
        default = str(field.default) or "(empty)"
        assert row[1] == default, name
        assert row[2] == field.description, name


def test_every_training_key_is_documented():
    text = page("marquee_training.md")
    for name, field in TrainingConfig.model_fields.items():
        row = re.search(rf"^\| `{name}` \| `(.*?)` \| (.*) \|$", text, re.MULTILINE)
        assert row, f"docs/training.md: {name}"
        assert row[1] == str(field.default), name
        assert row[2] == field.description.replace("|", "\\|"), name


def test_the_sizes_of_a_sweep_are_about_what_they_are_said_to_be():
    said = dict(re.findall(r"\b(\w+) \(about (\d+)", re.search(r"`--size` \|.*", page("cli.md"))[0]))
    assert said.keys() == SIZES.keys()
    for size, number in said.items():
        assert len(settings_of(load_config("small"), size)) == pytest.approx(int(number), rel=0.05), size


def test_every_reason_in_degraded_is_documented():
    code = "".join((ROOT / "src/marquee" / name).read_text("utf-8") for name in ("stages.py", "steps.py"))
    reasons = set(re.findall(r'degraded\.append\("(\w+)"\)|\["(\w+)"\] if', code))
    words = {word for pair in reasons for word in pair if word}
    assert len(words) >= 4
    for word in words:
        assert f"| `{word}` |" in page("api.md"), word
    for word in re.findall(r'RetrievalUnavailable\("(\w+)"', code):
        assert f"`retrieval_{word}`" in page("retrieval.md"), word


def readme_commands():
    """The `marquee` commands in the README's bash blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def test_readme_blocks_run(sample_store):
    environment = {**os.environ, "MARQUEE_ARTIFACTS_DIR": str(sample_store)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    ran = 0
    for line in readme_commands():
        words = shlex.split(line)
        if words[0] == "marquee":
            done = subprocess.run(words, check=False, env=environment, cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            ran += 1
        else:
            assert words[0] == "curl", f"a README block that no test runs: {line}"
    assert ran


def test_the_readmes_curl_is_a_valid_request():
    from marquee.api.contracts import RecommendationRequest

    (line,) = [line for line in readme_commands() if line.startswith("curl")]
    words = shlex.split(line)
    request = RecommendationRequest.model_validate_json(words[words.index("-d") + 1])
    assert request.tmdb_ids == [1585, 4935, 597]


def test_the_readmes_make_targets_exist():
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text() + (ROOT / "aws/Makefile").read_text(), re.MULTILINE)
    )
    for name in ("README.md", "CONTRIBUTING.md"):
        shown = re.findall(r"(?:^    |`)(?:[A-Z_]+=\S+ )?make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE)
        assert shown
        assert set(shown) <= targets
