"""The command line. Commands are in the order of the data; each imports what it needs when it runs."""

import logging
import os
import sys

import typer

from marquee import __version__
from marquee.errors import MarqueeError
from marquee_cli import bundles, doctor, items, recommend, train
from marquee_cli.output import err, print_error

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Two-stage film recommender: train, evaluate, publish, recommend and serve.",
    epilog="Begin with: marquee demo",
)
for panel, commands in {
    "From ratings to a bundle": (train.data, train.train, train.evaluate, train.sweep),
    "Bundles": (
        bundles.publish,
        bundles.retune,
        bundles.verify,
        bundles.rollback,
        bundles.promote,
        bundles.list_,
        bundles.prune,
        items.items,
        bundles.card,
        bundles.import_,
    ),
    "Recommendations": (recommend.recommend, recommend.serve, recommend.page, recommend.demo),
    "Help": (doctor.doctor,),
}.items():
    for command in commands:
        app.command(command.__name__.rstrip("_"), rich_help_panel=panel)(command)  # list_ is list


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"marquee {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _wanted: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)


def main() -> None:
    """Run the command line; expected errors print message and fix, and exit with their code."""
    try:
        app()
    except MarqueeError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except MemoryError as error:
        fix = "give it more memory, or choose a smaller configuration or data set (docs/training.md)"
        print_error(MarqueeError(f"there is too little memory: {error or 'an allocation failed'}", fix=fix))
        sys.exit(1)
    except BrokenPipeError:  # of `marquee list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python would complain when it ends
        sys.exit(1)
    except OSError as error:
        from marquee.bundle.disk import disk_error

        told = disk_error(error, "read or write a file")
        print_error(told)
        sys.exit(told.exit_code)
    except KeyboardInterrupt:
        err.print("stopped")
        sys.exit(130)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in {"marquee", "marquee_cli", "marquee_training", "marquee_reranker"}:
            raise
        fix = "pip install 'marquee[training,serving]', or make setup"
        print_error(MarqueeError(f"{error.name} is not installed", fix=fix))
        sys.exit(1)
