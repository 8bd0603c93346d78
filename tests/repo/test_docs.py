"""The generated reference is current, and the commands of the README run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_generated_reference_is_current():
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci/reference.py"), "--check"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


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
