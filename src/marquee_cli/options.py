"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Store = Annotated[
    Path,
    typer.Option("--store", "-s", envvar="MARQUEE_ARTIFACTS_DIR", help="The folder of bundles."),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "-d",
        envvar="MARQUEE_DATA_DIR",
        help="A MovieLens folder; without it ratings are fetched (docs/data.md).",
    ),
]
Dataset = Annotated[
    str, typer.Option("--dataset", help="What to fetch from GroupLens without --data, such as ml-1m or ml-25m.")
]
Config = Annotated[
    str,
    typer.Option("--config", "-c", help="small, medium, full, classic, quick, or a .toml file; auto chooses by size."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
STORE = Path("artifacts")
DATASET = "ml-latest-small"
