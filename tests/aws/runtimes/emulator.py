"""The function under Lambda's runtime interface emulator: AWS's own binary, and AWS's own runtime client."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx2

from tests.aws.runtimes.containers import CLEAN, SYSTEM_PATH, needs, needs_namespaces
from tests.waiting import free_port


class Lambda:
    """The function in an environment of its own, below /var/task and /opt, which are read-only.

    Args:
        folders: Become /var/task and /opt.
        scratch: Gets the log.
        given: Environment variables.
    """

    def __init__(self, folders: tuple[Path, Path], scratch: Path, given: dict[str, str]) -> None:
        needs_namespaces()
        python = needs("lambda") / "bin/python"
        emulator = needs("sam") / "rie"
        port, api = free_port(), free_port()
        self.log = scratch / "log.txt"
        environment = {
            **CLEAN,
            "PATH": SYSTEM_PATH,
            "PYTHONPATH": "/var/task:/opt/python",
            "LAMBDA_TASK_ROOT": "/var/task",
            "AWS_LAMBDA_FUNCTION_NAME": "marquee",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "300",  # the emulator's limit of INIT, too: machines are busy
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "POWERTOOLS_SERVICE_NAME": "marquee-test",
            "MARQUEE_ARTIFACTS_DIR": "/opt/marquee",
            **given,
        }
        mounts = (
            "mkdir -p /var/task"
            f" && mount --bind {folders[0]} /var/task && mount -o remount,ro,bind /var/task"
            f" && mount --bind {folders[1]} /opt && mount -o remount,ro,bind /opt && cd /var/task && exec "
        )
        command = (
            f"{emulator} --runtime-interface-emulator-address 127.0.0.1:{port} --runtime-api-address 127.0.0.1:{api}"
            f" {python} -m awslambdaric lambda_function.lambda_handler"
        )
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", mounts + command],
                env=environment,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=300)

    def invoke(self, event: Any) -> Any:
        return self._client.post("/2015-03-31/functions/function/invocations", json=event).json()

    def metrics(self) -> list[dict[str, Any]]:
        """All blobs of metrics so far (EMF)."""
        text = self.log.read_text(errors="replace").splitlines()
        lines = [json.loads(line) for line in text if line.startswith("{")]
        return [line for line in lines if "_aws" in line]

    def processes(self) -> list[Path]:
        """Folders in /proc of the emulator and of what it started."""
        found = []
        for one in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                if os.getsid(int(one.name)) == self.process.pid:
                    found.append(one)
        return found

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            answer = self.invoke({"movie_ids": [1]})
        except httpx2.TransportError:
            return False
        assert "recommendations" in answer, self.log.read_text()[-3000:]
        return True

    def kill(self) -> None:
        self._client.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
