"""Starts TorchServe: writes its configuration, then becomes the JVM, so that signals reach it.

TorchServe's own launcher stays between and forwards no SIGTERM (pytorch/serve#2008).
"""

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from marquee.errors import ConfigError, MarqueeError
from marquee.settings import Settings, load_settings
from marquee_torchserve import archive

HERE = Path(__file__).parent
# A quarter of the pod's memory for the JVM, the rest for vectors; if it runs out, better a restart than a zombie.
JVM = ["-XX:MaxRAMPercentage=25", "-XX:+ExitOnOutOfMemoryError", "-XX:+UseSerialGC", "-Xshare:auto"]


def command(settings: Settings, scratch: Path) -> list[str]:
    """The JVM's command line; writes configuration and archive into `scratch`."""
    java = shutil.which("java")
    found = importlib.util.find_spec("ts")
    if java is None or found is None or found.origin is None:
        missing = "java" if java is None else "torchserve"
        raise ConfigError(f"{missing} is not installed", fix="use the image marquee-retrieval, or `make retrieval-env`")
    home = Path(found.origin).parent
    archive.build(scratch / "store")
    config = scratch / "config.properties"
    config.write_text((HERE / "config.properties").read_text() + _addresses(settings, scratch))
    (scratch / "tmp").mkdir(exist_ok=True)
    return [
        java,
        *JVM,
        f"-Dmodel_server_home={home.parent}",
        f"-Djava.io.tmpdir={scratch / 'tmp'}",
        f"-Dlog4j.configurationFile={HERE / 'log4j2.xml'}",
        "-cp",
        f"{home / 'frontend'}/*",
        "org.pytorch.serve.ModelServer",
        "--python",
        sys.executable,
        "-f",
        str(config),
        "-s",
        str(scratch / "store"),
        "-ncs",
    ]


def _addresses(settings: Settings, scratch: Path) -> str:
    # gRPC can't be switched off: loopback, on ports that the system chooses. Management is a socket file of ours.
    return (
        f"inference_address=http://{settings.host}:{settings.port}\n"
        f"metrics_address=http://{settings.host}:{settings.metrics_port}\n"
        f"management_address=unix:{scratch / 'management.sock'}\n"
        "grpc_inference_port=0\n"
        "grpc_management_port=0\n"
        f"metrics_config={HERE / 'metrics.yaml'}\n"
        f"model_store={scratch / 'store'}\n"
    )


def main() -> None:
    """Start TorchServe; never returns, since this process becomes the JVM."""
    try:
        settings = load_settings()
        scratch = Path(tempfile.mkdtemp(prefix="torchserve-"))
        arguments = command(settings, scratch)
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    environment = {**os.environ, "LOG_LOCATION": str(scratch), "METRICS_LOCATION": str(scratch), "TEMP": str(scratch)}
    # TorchServe reads this one from the environment of its workers only.
    environment["TS_DECODE_INPUT_REQUEST"] = "false"
    os.chdir(scratch)
    os.execve(arguments[0], arguments, environment)  # noqa: S606 - the very point


if __name__ == "__main__":
    main()
