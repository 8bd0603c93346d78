"""Options of several commands."""

from typing import Annotated

import typer

_STORE_HELP = "Store of bundles: a folder, or s3://bucket/path, gs://bucket/path, az://container/path."
_CHANNEL_HELP = "Channel whose pointer moves; servers follow `current` unless MARQUEE_MODEL names another."
_DATA_HELP = (
    "Mapping file of your own data, or MovieLens folder. Without it, the ratings are downloaded (docs/data.md)."
)
_DATASET_HELP = "Data set to download from GroupLens without --data, such as ml-1m or ml-25m."
_CONFIG_HELP = "Configuration: small, medium, full, classic, quick, or a .toml file; auto chooses by the data's size."
_FORCE_HELP = "Publish even if it is worse than the current bundle, or was not evaluated."
ARTIFACTS = ["MARQUEE_ARTIFACTS", "MARQUEE_ARTIFACTS_DIR"]
Store = Annotated[str, typer.Option("--store", "-s", envvar=ARTIFACTS, help=_STORE_HELP)]
Channel = Annotated[str, typer.Option("--channel", help=_CHANNEL_HELP)]
Data = Annotated[str | None, typer.Option("--data", "-d", envvar="MARQUEE_DATA_DIR", help=_DATA_HELP)]
Dataset = Annotated[str, typer.Option("--dataset", help=_DATASET_HELP)]
Config = Annotated[str, typer.Option("--config", "-c", help=_CONFIG_HELP)]
Force = Annotated[bool, typer.Option("--force", help=_FORCE_HELP)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
STORE = "artifacts"
CURRENT = "current"
DATASET = "ml-latest-small"
