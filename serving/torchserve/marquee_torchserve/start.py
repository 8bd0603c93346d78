"""Starts TorchServe: writes its configuration, then becomes the JVM, so that signals reach it.

TorchServe's own launcher stays between and forwards no SIGTERM (pytorch/serve#2008).
"""

import importlib.util
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from string import Template

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
    host, jvm = _bindable(settings.host, scratch)
    values = {"host": host, "port": settings.port, "metrics_port": settings.metrics_port}
    template = Template((HERE / "config.properties").read_text())
    config.write_text(template.substitute(values, scratch=scratch, here=HERE))
    (scratch / "tmp").mkdir(exist_ok=True)
    properties = {
        "model_server_home": home.parent,
        "java.io.tmpdir": scratch / "tmp",
        "log4j.configurationFile": HERE / "log4j2.xml",
    }
    jvm = [java, *JVM, *jvm, *(f"-D{name}={value}" for name, value in properties.items())]
    options = ["--python", sys.executable, "-f", str(config), "-s", str(scratch / "store"), "-ncs"]
    return [*jvm, "-cp", f"{home / 'frontend'}/*", "org.pytorch.serve.ModelServer", *options]


def _bindable(host: str, scratch: Path) -> tuple[str, list[str]]:
    """A host as TorchServe takes it, and options of the JVM. It refuses colons, so IPv6 gets a name of our own."""
    if ":" not in host:
        return host, []
    hosts = scratch / "hosts"
    hosts.write_text(f"{host} marquee-listens-here\n::1 localhost {socket.gethostname()}\n")
    return "marquee-listens-here", [f"-Djdk.net.hosts.file={hosts}"]


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
