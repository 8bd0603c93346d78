"""Compare our rows with other libraries: run what has no answer yet, judge all of it, write a page and plots."""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.quality.compare import SECONDS, SETTINGS, compare
from benchmarks.quality.environments import ROOT, DidNotInstall, environment
from benchmarks.quality.opponents import HERE, PROTOCOLS, chosen, read_opponents
from benchmarks.quality.page import page
from marquee.errors import ConfigError, MarqueeError
from marquee_training.config import TrainingConfig, fitting, load_config
from marquee_training.data.sources import DEFAULT, obtain


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    folder = os.environ.get("MARQUEE_DATA_DIR") or None
    parser.add_argument("--data", type=Path, default=folder, help="folder of ratings [MARQUEE_DATA_DIR]; none: fetched")
    parser.add_argument("--dataset", default=DEFAULT, help="which MovieLens to fetch")
    parser.add_argument("--config", default="auto", help="the product's configuration")
    parser.add_argument("--folds", type=int, help="run only the first folds")
    parser.add_argument("--protocol", action="append", choices=PROTOCOLS, help="repeat for more; without it all")
    parser.add_argument("--seeds", default="1,3,5,10", help="numbers of seeds")
    parser.add_argument("--opponent", action="append", help="names from opponents.toml; without it all")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="processor time of one search")
    parser.add_argument("--settings", type=int, default=SETTINGS, help="most settings of one search")
    parser.add_argument("--jobs", type=int, default=1, help="libraries that run at a time")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "quality", help="what is kept between runs")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "quality-opponents.md", help="the page")
    return parser.parse_args(words)


def configuration(given: argparse.Namespace, n_ratings: int) -> TrainingConfig:
    """The product's configuration, and how many of its folds are run."""
    config = load_config(fitting(given.config, n_ratings))
    if given.folds is None:
        return config
    if not 1 <= given.folds <= config.eval_folds:
        raise ConfigError(f"--folds {given.folds}: there are {config.eval_folds} folds", fix="give at most this number")
    return config.model_copy(update={"eval_folds_run": given.folds})


def work_folder(given: argparse.Namespace, data_sha256: str) -> Path:
    """A folder per data, protocols and numbers of seeds; runs of more folds or fewer share it."""
    key = json.dumps([data_sha256, given.protocol, given.seeds])
    return Path(given.work / hashlib.sha256(key.encode()).hexdigest()[:12])


def shareable(given: argparse.Namespace) -> str:
    """The command for the page, without the folders of one machine."""
    defaults = vars(arguments([]))
    words = ["python", "-m", "benchmarks.quality", *(["--data", "DIR"] if given.data else [])]
    for name, value in vars(given).items():
        if name not in ("data", "work", "output") and value != defaults[name]:
            for one in value if isinstance(value, list) else [value]:
                words += [f"--{name}", str(one)]
    return shlex.join(words)


def run(words: list[str]) -> None:
    """The whole command."""
    given = arguments(words)
    dataset = obtain(given.data, name=given.dataset)
    work = work_folder(given, dataset.sha256)
    opponents = chosen(read_opponents(), given.opponent)
    report = compare(
        dataset,
        configuration(given, len(dataset.ratings)),
        opponents,
        work,
        protocols=given.protocol or PROTOCOLS,
        seed_counts=sorted({int(part) for part in given.seeds.split(",")}),
        data=given.data,
        name=given.dataset,
        seconds=given.seconds,
        settings=given.settings,
        jobs=given.jobs,
        say=lambda text: print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True),
    )
    report |= {"command": shareable(given), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    path = work / "report.json"
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    plots = draw(path, given.output)
    given.output.write_text(page(report, opponents, plots), "utf-8")
    print(f"{given.output} (all figures: {path})")


def draw(report: Path, output: Path) -> list[str]:
    """Draw the plots; returns their file names beside the page."""
    try:
        python = environment("plots")
    except DidNotInstall as error:
        raise MarqueeError(f"matplotlib did not install: {error}", fix="see requirements/plots.txt") from error
    command = [str(python), "-I", str(HERE / "child" / "plots.py"), str(report), str(output.with_suffix(""))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise MarqueeError(f"the plots ended with an error:\n{done.stderr[-2000:]}", fix=shlex.join(command))
    return done.stdout.split()


if __name__ == "__main__":
    try:
        run(sys.argv[1:])
    except MarqueeError as error:
        sys.exit(f"error: {error}")
