"""Commands from ratings to a bundle: data, train, evaluate, sweep."""

from pathlib import Path
from typing import Annotated, Any

import typer

from marquee.cli.options import DATASET, STORE, Config, Data, Dataset, Json, Quiet, Store
from marquee.cli.output import out, print_json, print_table

SMALL_UP_TO = 2_000_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (data, train, evaluate, sweep):
        app.command(rich_help_panel="From ratings to a bundle")(command)


def data(folder: Data = None, name: Dataset = DATASET, as_json: Json = False) -> None:
    """Find, check and describe the ratings that training would use."""
    from marquee.data.sources import describe, obtain

    facts = describe(obtain(folder, name=name))
    if as_json:
        print_json(facts)
        return
    print_table("", ["", ""], [(name, _words(value)) for name, value in facts.items()])


def train(
    folder: Data = None,
    name: Dataset = DATASET,
    store: Store = STORE,
    config: Config = "auto",
    force: Annotated[bool, typer.Option("--force", help="Publish even what is worse than the current bundle.")] = False,
    real_only: Annotated[bool, typer.Option("--real-only", help="Fail rather than train on invented ratings.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train, judge on people held out, and publish a bundle. A killed run, started again, goes on where it was."""
    published = train_and_publish(folder, name, store, config, force=force, quiet=quiet or as_json, real_only=real_only)
    if published is None:  # another process of torchrun leads, and says it
        return
    if as_json:
        print_json(published.manifest.model_dump(mode="json"))
        return
    print_metrics(published.manifest.metrics)
    out.print(f"published {published.manifest.version} in {store}", markup=False)
    for note in published.notes:
        out.print(f"  {note}", markup=False)


def train_and_publish(
    folder: Path | None, name: str, store: Path, config: str, *, force: bool, quiet: bool, real_only: bool = False
) -> Any:
    """What `train` and `demo` do; returns `marquee.bundle.publish.Published`, or None in a process that follows."""
    from marquee.data.sources import obtain
    from training import distributed
    from training.config import load_config
    from training.progress import Reporter
    from training.train import train as run

    if config != "auto":
        load_config(config)  # a mistake in it should show before data is read
    dataset = obtain(folder, name=name, real_only=real_only)
    config = _fitting(config, len(dataset.ratings))
    with distributed.joined():
        reporter = Reporter(quiet=quiet or not distributed.leads())
        reporter.say(
            f"training on {dataset.name}: {len(dataset.ratings):,} ratings, {len(dataset.movies):,} films, "
            f"configuration {config}" + (f", {distributed.size()} processes" if distributed.size() > 1 else "")
        )
        return run(dataset, load_config(config), store, reporter=reporter, force=force)


def evaluate(
    folder: Data = None,
    name: Dataset = DATASET,
    config: Config = "auto",
    folds: Annotated[int | None, typer.Option(min=1, max=20, help="Folds to run.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Judge the product beside its baselines on people held out. Publishes nothing."""
    from marquee.data.sources import obtain
    from training.config import load_config
    from training.progress import Reporter
    from training.report import evaluate as run

    dataset = obtain(folder, name=name)
    chosen = load_config(_fitting(config, len(dataset.ratings)))
    if folds is not None:
        chosen = chosen.model_copy(update={"eval_folds_run": folds, "eval_folds": max(folds, chosen.eval_folds)})
    metrics, report = run(dataset, chosen, Reporter(quiet=quiet or as_json))
    if as_json:
        print_json(report)
    else:
        print_metrics(metrics)


def sweep(
    folder: Data = None,
    name: Dataset = DATASET,
    config: Config = "auto",
    size: Annotated[str, typer.Option(help="quick, medium or full.")] = "quick",
    output: Annotated[Path | None, typer.Option(help="The CSV; resumed if it exists.")] = None,
    quiet: Quiet = False,
) -> None:
    """Try the re-ranker's dials on people held out, and write a table of what each costs and brings."""
    from marquee.data.sources import obtain
    from training.config import load_config
    from training.progress import Reporter
    from training.sweep import run_sweep

    dataset = obtain(folder, name=name)
    path = output or Path("eval") / f"sweep_{size}.csv"
    best = run_sweep(dataset, load_config(_fitting(config, len(dataset.ratings))), size, path, Reporter(quiet=quiet))
    print_table(f"best of {path}", list(best[0]), [list(row.values()) for row in best])


def _fitting(config: str, n_ratings: int) -> str:
    """The configuration asked for; `auto` goes by the number of ratings."""
    return config if config != "auto" else "small" if n_ratings <= SMALL_UP_TO else "full"


def print_metrics(metrics: dict[str, Any]) -> None:
    """NDCG@10 by row and number of seeds, with the pipeline's lead at five."""
    table = dict(sorted(metrics["ndcg@10"].items(), key=lambda row: int(row[0])))  # JSON sorts 10 before 3
    lead = metrics["pipeline_lead"]["5"]
    rows = []
    for name in next(iter(table.values())):
        ahead = lead.get(name)
        rows.append(
            (
                name,
                *(f"{table[k][name]:.4f}" for k in table),
                "" if ahead is None else f"{ahead['mean']:+.4f} [{ahead['ci95'][0]:+.4f}, {ahead['ci95'][1]:+.4f}]",
            )
        )
    title = f"NDCG@10 on {metrics['n_people']} people held out, by number of seeds"
    print_table(title, ["", *(f">{k}" for k in table), "pipeline's lead at 5 [95 %]"], rows)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_words(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
