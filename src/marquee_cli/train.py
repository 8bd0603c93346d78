"""Commands for training: data, train, evaluate, sweep."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from marquee_cli.options import CURRENT, DATASET, STORE, Channel, Config, Data, Dataset, Force, Json, Quiet, Store
from marquee_cli.output import out, print_json, print_published, print_table

FRONT_SHOWN = 8


def data(folder: Data = None, name: Dataset = DATASET, as_json: Json = False) -> None:
    """Find, check and describe the data for training, and how its columns are read."""
    from marquee_training.data.sources import describe, obtain

    facts = describe(obtain(folder, name=name))
    if as_json:
        print_json(facts)
        return
    columns = facts.pop("columns", [])
    print_table("", ["", ""], [(name, _words(value)) for name, value in facts.items()])
    if columns:
        print_table("", [name.replace("_", " ") for name in columns[0]], [list(one.values()) for one in columns])


def train(
    folder: Data = None,
    name: Dataset = DATASET,
    store: Store = STORE,
    config: Config = "auto",
    force: Force = False,
    channel: Channel = CURRENT,
    real_only: Annotated[
        bool, typer.Option("--real-only", help="Fail instead of training on synthetic ratings.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train, evaluate on held-out people, and publish a bundle. An interrupted run continues when started again."""
    published = train_and_publish(
        folder, name, store, config, force=force, channel=channel, quiet=quiet or as_json, real_only=real_only
    )
    if published is None:  # another process of torchrun prints the result
        return
    if as_json:
        print_json(published.manifest.model_dump(mode="json"))
        return
    print_metrics(published.manifest.metrics.document)
    print_published(published, f" in {store}")


def train_and_publish(
    folder: str | None,
    name: str,
    store: str,
    config: str,
    *,
    force: bool,
    quiet: bool,
    channel: str = CURRENT,
    real_only: bool = False,
) -> Any:
    """Train and publish; returns the published bundle, or None in all processes of torchrun but the first."""
    from marquee_training import distributed
    from marquee_training.progress import Reporter
    from marquee_training.train import train as run

    dataset, config, chosen = _inputs(folder, name, config, real_only=real_only)
    with distributed.process_group():
        reporter = Reporter(quiet=quiet or not distributed.is_leader())
        reporter.say(
            f"training on {dataset.name}: {len(dataset.ratings):,} ratings, {len(dataset.movies):,} {dataset.noun[1]}, "
            f"configuration {config}" + (f", {distributed.size()} processes" if distributed.size() > 1 else "")
        )
        return run(dataset, chosen, store, reporter=reporter, force=force, channel=channel)


def _inputs(folder: str | None, name: str, config: str, *, real_only: bool = False) -> tuple[Any, str, Any]:
    """The data set, the configuration's name, and the configuration."""
    from marquee_training.config import fitting, load_config
    from marquee_training.data.sources import obtain

    if config != "auto":
        load_config(config)  # shows mistakes before data is read
    dataset = obtain(folder, name=name, real_only=real_only)
    config = fitting(config, len(dataset.ratings))
    return dataset, config, load_config(config)


def evaluate(
    folder: Data = None,
    name: Dataset = DATASET,
    config: Config = "auto",
    folds: Annotated[int | None, typer.Option(min=1, max=20, help="Number of folds to run.")] = None,
    seeds: Annotated[str, typer.Option(help="Numbers of liked films given, separated by commas.")] = "1,3,5,10",
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="few-seeds, holdout, temporal or cold-items. Can be repeated.", show_default="few-seeds and holdout"
        ),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the report as JSON; - is stdout.")] = None,
    quiet: Quiet = False,
) -> None:
    """Evaluate the pipeline and its baselines on held-out people and films. Publishes nothing."""
    from marquee_training.evaluation.report import evaluate as run
    from marquee_training.progress import Reporter

    counts = _numbers(seeds)
    dataset, _, chosen = _inputs(folder, name, config)
    if folds is not None:
        chosen = chosen.model_copy(update={"eval_folds_run": folds, "eval_folds": max(folds, chosen.eval_folds)})
    protocols = list(dict.fromkeys(protocol or ("few-seeds", "holdout")))
    documents = run(dataset, chosen, Reporter(quiet=quiet), protocols=protocols, seed_counts=counts)
    report = documents[0] if len(documents) == 1 else documents
    if json_file == Path("-"):
        print_json(report)
        return
    for document in documents:
        print_document(document)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def sweep(
    folder: Data = None,
    name: Dataset = DATASET,
    config: Config = "auto",
    size: Annotated[str, typer.Option(help="The grid: quick, medium, full, or svd (the classic factors).")] = "quick",
    output: Annotated[Path | None, typer.Option(help="CSV file.", show_default="eval/sweep_SIZE.csv")] = None,
    jobs: Annotated[int | None, typer.Option(help="Number of processes.", show_default="one per processor")] = None,
    plot: Annotated[bool, typer.Option(help="Also draw the trade-off, beside the CSV.")] = True,
    quiet: Quiet = False,
) -> None:
    """Evaluate settings of the re-ranker on held-out people. An interrupted sweep continues when started again."""
    from marquee_training.progress import Reporter
    from marquee_training.sweep.run import run_sweep

    dataset, _, chosen = _inputs(folder, name, config)
    path = output or Path("eval") / f"sweep_{size}.csv"
    print_sweep(run_sweep(dataset, chosen, size, path, Reporter(quiet=quiet), jobs=jobs, draw=plot))
    files = [path, path.with_suffix(".final.csv"), *([path.with_suffix(".png")] if plot else [])]
    out.print(f"wrote {', '.join(map(str, files))}", markup=False)


def print_sweep(sweep: Any) -> None:
    """Print the Pareto front of each trade-off, and conclusions, of a `marquee_training.sweep.run.Sweep`."""
    from marquee_training.sweep.plot import WHAT, line_of
    from marquee_training.sweep.results import AGAINST, shown

    columns = ["", ">NDCG@10", ">difference [95 %]", *(f">{WHAT[name]}" for name in AGAINST)]
    for against in AGAINST:
        places = shown(sweep.rows, against, FRONT_SHOWN)
        lines = [line_of(sweep.rows, sweep.settings, place) for place in dict.fromkeys([0, *places])]
        print_table(f"accuracy for {WHAT[against]}: nothing beats these", columns, lines)
    for sentence in sweep.sentences:
        out.print(sentence, markup=False)


def _numbers(text: str) -> list[int]:
    """Distinct numbers of a comma-separated list, ascending."""
    from marquee.errors import ConfigError

    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigError(f"--seeds {text!r}: not numbers with commas between", fix="write it like 1,3,5,10")
    return sorted({int(part) for part in parts})


def print_document(document: dict[str, Any]) -> None:
    """Print a protocol's first metric by model and number of seeds, and the lead over the best other row."""
    rows = document["rows"]
    metric = next(iter(rows[0]["lead"]))
    counts = list(dict.fromkeys(row["k"] for row in rows))
    shown = 5 if 5 in counts else counts[-1]
    table = []
    for model in dict.fromkeys(row["model"] for row in rows):
        own = {row["k"]: row for row in rows if row["model"] == model}
        lead = own[shown]["lead"][metric]
        table.append((model, *(f"{own[k]['metrics'][metric]:.4f}" for k in counts), _lead(lead), lead["over"]))
    title = f"{document['protocol']}: {metric} on {rows[0]['n_users']} people held out"
    at = "" if shown is None else f" at {shown}"
    print_table(title, ["", *(f">{k or ''}" for k in counts), f"ahead{at} [95 %]", "of"], table, framed=False)


def print_metrics(metrics: dict[str, Any]) -> None:
    """Print NDCG@10 by model and number of seeds, with the pipeline's lead at five, or at the most that was judged."""
    if "ndcg@10" not in metrics:  # nobody could judge: the notes say so
        return
    table = dict(sorted(metrics["ndcg@10"].items(), key=lambda row: int(row[0])))  # JSON sorts 10 before 3
    shown = "5" if "5" in table else list(table)[-1]
    lead = metrics["pipeline_lead"][shown]
    names = next(iter(table.values()))
    rows = [(name, *(f"{table[k][name]:.4f}" for k in table), _lead(lead.get(name))) for name in names]
    title = f"NDCG@10 on {metrics['n_people']} people held out, by number of seeds"
    print_table(title, ["", *(f">{k}" for k in table), f"pipeline's lead at {shown} [95 %]"], rows, framed=False)


def _lead(lead: dict[str, Any] | None) -> str:
    if lead is None:
        return ""
    low, high = lead["ci95"]
    return f"{lead['mean']:+.3f} [{low:.3f}, {high:.3f}]"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_words(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
