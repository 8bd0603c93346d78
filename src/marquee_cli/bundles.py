"""Commands on bundles: publish, retune, verify, rollback, list, card, import."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marquee_cli.options import CURRENT, STORE, Channel, Data, Force, Json, Store
from marquee_cli.output import out, print_json, print_published, print_table

if TYPE_CHECKING:
    from marquee.bundle.versions import VersionNow

VersionArgument = Annotated[str | None, typer.Argument(help="Name of a version; by default the current one.")]


def publish(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    store: Store = STORE,
    force: Force = False,
    channel: Channel = CURRENT,
    activate: Annotated[bool, typer.Option(help="Point the channel to it; without, it is only written.")] = True,
) -> None:
    """Copy a bundle into the store and make it current, if it is valid and not worse than the current one."""
    from marquee.bundle import load
    from marquee.bundle import publish as publish_bundle

    print_published(publish_bundle(store, load(bundle), force=force, channel=channel, activate=activate))


def retune(
    version: VersionArgument = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A weight of the re-ranker: NAME=VALUE. Can be repeated.")
    ] = None,
    folder: Data = None,
    store: Store = STORE,
    force: Force = False,
    channel: Channel = CURRENT,
) -> None:
    """Publish a version's models with other weights of the re-ranker, without training.

    Weights that affinity_score depends on (alpha_*, beta_gen, gamma_year, delta_pop, half_history, tau_year) need the
    ratings, --data, to calibrate it anew. What the new weights are worth is not measured (marquee sweep does that), so
    replacing a version that was evaluated needs --force.
    """
    from marquee.bundle import load
    from marquee.bundle import publish as publish_bundle
    from marquee.bundle.retune import PROBABLE, retuned
    from marquee.errors import ConfigError

    bundle = load(store, version)
    wanted = dict(map(_dial, changes or []))
    made = retuned(bundle, wanted)
    if probable := [name for name in wanted if name in PROBABLE]:
        if folder is None:
            what = f"{', '.join(probable)}: affinity_score depends on it and has to be calibrated anew"
            raise ConfigError(what, fix="give the ratings that the version was trained on: --data FOLDER")
        from marquee_training.data.sources import obtain
        from marquee_training.retune import recalibrated

        made = recalibrated(bundle, made, obtain(folder))
    print_published(publish_bundle(store, made, force=force, channel=channel))


def _dial(text: str) -> tuple[str, float]:
    from marquee.errors import ConfigError

    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise ConfigError(
            f"--set {text!r}: not a name and a number", fix="write it like --set lambda_mmr=0.3"
        ) from None


def verify(version: VersionArgument = None, store: Store = STORE, as_json: Json = False) -> None:
    """Check every file of a bundle against its manifest, and list all problems."""
    from marquee.bundle import verify as verify_bundle

    report = verify_bundle(store, version)
    if as_json:
        problems = [{"message": problem.message, "fix": problem.fix} for problem in report.problems]
        print_json({"path": str(report.path), "ok": report.ok, "problems": problems})
    elif report.ok and report.manifest:
        out.print(f"{report.manifest.version}: valid, {len(report.manifest.files)} files", markup=False)
    else:
        for problem in report.problems:
            out.print(str(problem), markup=False)
    if not report.ok:
        raise typer.Exit(4)


def rollback(
    version: Annotated[str | None, typer.Argument(help="Name of a version; by default the previous valid one.")] = None,
    store: Store = STORE,
    channel: Channel = CURRENT,
) -> None:
    """Make the previous version, or the named one, current. Only the pointer changes; servers follow it."""
    from marquee.bundle import rollback as roll_back

    out.print(f"{channel} is now {roll_back(store, version, channel=channel).version}", markup=False)


def promote(
    model: Annotated[str, typer.Argument(help="Name of a version, or of a channel: then its version.")],
    store: Store = STORE,
    to: Annotated[str, typer.Option("--to", help="Channel to point to it.")] = CURRENT,
) -> None:
    """Point a channel to a version: `marquee promote staging` makes current what was tried as staging."""
    from marquee.bundle import promote as promote_version

    out.print(f"{to} is now {promote_version(store, model, to=to).version}", markup=False)


def prune(
    keep: Annotated[int, typer.Option(min=1, help="Number of the newest valid versions that stay.")] = 5,
    store: Store = STORE,
) -> None:
    """Delete old versions. What a channel points to, or pointed to before, stays."""
    from marquee.bundle import prune as delete_old

    for version in delete_old(store, keep):
        out.print(f"deleted {version}", markup=False)


def list_(store: Store = STORE, as_json: Json = False) -> None:
    """List the versions in the store."""
    from marquee.bundle import list_versions, open_store

    place = open_store(store)
    found = list_versions(place)
    if as_json:
        print_json([_as_json(entry) for entry in found])
        return
    rows = [
        (
            _marks(entry),
            entry.version,
            entry.data,
            _estimate(entry),
            "" if entry.n_people is None else f"{entry.n_people:,}",
            _age(entry.created),
            _state(entry),
        )
        for entry in found
    ]
    print_table("", ["", "version", "data", ">NDCG@10 [95 %]", ">people", ">age", "state"], rows, framed=False)
    if not rows:
        out.print(f"no bundle in {store} yet: marquee train", markup=False)
    for name in place.strange_names():
        out.print(f"versions/{name} is left out: that is no version's name", markup=False)


def card(
    version: VersionArgument = None,
    store: Store = STORE,
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Show the model card: what a model is, how it was evaluated, what it is for, and its limits."""
    from rich.markdown import Markdown

    from marquee.api.contracts import response_json
    from marquee.bundle import load
    from marquee.bundle.card import markdown, model_card
    from marquee.errors import ConfigError

    if as_json and as_markdown:
        raise ConfigError("--json and --markdown exclude each other", fix="give one of them")
    bundle = load(store, version)
    made = model_card(bundle.manifest, bundle.catalog.noun)
    if as_json:
        print_json(json.loads(response_json(made)))
    elif as_markdown:
        sys.stdout.write(markdown(made, bundle.catalog.noun))
    else:
        out.print(Markdown(markdown(made, bundle.catalog.noun)))


def import_(
    folder: Annotated[Path, typer.Argument(help="Folder of a bundle in the older pickle layout.")],
    store: Store = STORE,
    force: Force = False,
) -> None:
    """Convert a bundle of the older layout (model.pth, *_encoder.pkl, ...) without executing anything in it."""
    from marquee.bundle import publish as publish_bundle
    from marquee_training.legacy.convert import import_legacy

    print_published(publish_bundle(store, import_legacy(folder), force=force))


def _as_json(entry: "VersionNow") -> dict[str, Any]:
    return {
        "version": entry.version,
        "created": entry.created.isoformat(),
        "current": entry.current,
        "channels": entry.channels,
        "complete": not entry.refused,
        "bytes": entry.size,
        "n_movies": entry.n_movies,
        "ndcg@10": entry.ndcg,
        "ci95": entry.ci95,
        "n_people": entry.n_people,
        "data": entry.data,
        "retuned_from": entry.origin or None,
    }


def _marks(entry: "VersionNow") -> str:
    return " ".join("*" if name == CURRENT else name for name in entry.channels)


def _state(entry: "VersionNow") -> str:
    if entry.refused:
        return "damaged: marquee verify"
    return f"valid, retuned from {entry.origin[-8:]}" if entry.origin else "valid"  # the end of a version's name


def _estimate(entry: "VersionNow") -> str:
    interval = "" if entry.ci95 is None else "\n[{:.3f}, {:.3f}]".format(*entry.ci95)
    return "" if entry.ndcg is None else f"{entry.ndcg:.3f}{interval}"


def _age(created: datetime) -> str:
    hours = int((datetime.now(UTC) - created).total_seconds() // 3600)
    return f"{hours // 24} d" if hours >= 48 else f"{hours} h" if hours >= 1 else "now"
