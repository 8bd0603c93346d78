"""Train the Two-Tower. Reads from top to bottom: model, optimiser, loop (schedule, step, validation, best weights)."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marquee.errors import ConfigError
from marquee.models.two_tower import TwoTower
from marquee_training import distributed
from marquee_training.config import TrainingConfig
from marquee_training.interactions import Interactions, require_likes
from marquee_training.progress import EpochReport, History, Validate
from marquee_training.two_tower.batches import epoch
from marquee_training.two_tower.checkpoint import load_checkpoint, save_checkpoint
from marquee_training.two_tower.classic import train_classic
from marquee_training.two_tower.model import SetTwoTower
from marquee_training.two_tower.softmax import softmax_loss


def train_two_tower(
    config: TrainingConfig,
    interactions: Interactions,
    content: NDArray[np.float32],
    *,
    validate: Validate | None = None,
    stop_after: int | None = None,
    checkpoint: Path | None = None,
    report: EpochReport | None = None,
) -> tuple[TwoTower, int, History]:
    """Fit on people's likes; under torchrun, each process computes its share of every batch.

    The configured loss decides between the set encoder and the classic towers, which every process trains whole.

    Args:
        config: Model, schedule and optimiser.
        interactions: The people to fit on.
        content: (n, f) float32 features of the films.
        validate: Gives the validation people's NDCG@10, which decides when to stop; None keeps the last weights.
        stop_after: Epochs of the configured schedule to stop after.
        checkpoint: Where the state is saved after each validation, and resumed from.
        report: Called after each epoch.

    Returns:
        The model as serving needs it, the number of epochs that its weights took, and the metrics of each epoch.

    Raises:
        DataError: Nobody likes two films, so there is nothing to learn from.
        ConfigError: The loss is no number any more.
    """
    most = min(stop_after or config.epochs, config.epochs)
    require_likes(interactions, config.positive_rating)
    if config.loss == "triplet":
        tower = train_classic(config, interactions, content, epochs=most, report=report)
        require_finite(0.0, [torch.from_numpy(tower.item_vectors)], config)
        return tower, most, []

    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    options = config.model_dump(include={"embedding_size", "dropout", "id_dropout"})
    model = SetTwoTower(content, interactions.popularity, **options)
    groups: list[dict[str, Any]] = [
        {"params": [value for name, value in model.named_parameters() if name != "item_bias"]},
        {"params": [model.item_bias], "weight_decay": 0.0},  # it is the popularity: decay would erase it
    ]
    # Fused: one pass over the tables instead of a dozen.
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
    distributed.broadcast_weights(model)
    steps_per_epoch = math.ceil(int((interactions.n_liked >= 2).sum()) / config.batch_size)

    # What the loop carries from epoch to epoch; a checkpoint holds all of it.
    state: dict[str, Any] = {"epoch": 0, "best_ndcg": -1.0, "best_epoch": 0, "history": []}
    best: dict[str, Tensor] = {}
    if checkpoint and (restored := load_checkpoint(checkpoint, model, optimizer, rng)):
        state, best = restored
    distributed.check_same(
        state["epoch"], "checkpoint", fix="give all of them the same store: a volume that several nodes can mount"
    )

    while state["epoch"] < most and state["epoch"] - state["best_epoch"] < config.patience:
        model.train()
        losses = []
        sizes = config.model_dump(include={"batch_size", "max_seeds", "long_share"})
        for step, batch in enumerate(epoch(interactions, rng, **sizes), start=state["epoch"] * steps_per_epoch):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * one_cycle(step / (config.epochs * steps_per_epoch))
            rows = distributed.share(len(batch.sizes))
            users, items = model(batch.seeds, batch.offsets, batch.sizes)
            loss = softmax_loss(users[rows], items, model.item_bias, batch, rows)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            distributed.sum_gradients(model)
            optimizer.step()
            losses.append(float(loss.detach()))
        state["epoch"] += 1
        metrics = {"loss": sum(distributed.all_gather(float(np.mean(losses))))}
        require_finite(metrics["loss"], model.parameters(), config)

        if validate is None:
            state["best_epoch"] = state["epoch"]
        elif state["epoch"] % config.eval_every == 0 or state["epoch"] == most:
            metrics["val_ndcg@10"] = distributed.broadcast(validate(model.export()))
            if metrics["val_ndcg@10"] > state["best_ndcg"]:
                state["best_ndcg"], state["best_epoch"] = metrics["val_ndcg@10"], state["epoch"]
                best = {name: value.clone() for name, value in model.state_dict().items()}
        state["history"].append({"epoch": float(state["epoch"]), **metrics})
        if report:
            report(state["epoch"], most, metrics)
        if checkpoint and distributed.is_leader() and state["epoch"] % config.eval_every == 0:
            save_checkpoint(checkpoint, model, optimizer, rng, state, best)

    if best:
        model.load_state_dict(best)
    return model.export(), int(state["best_epoch"]), state["history"]


def require_finite(loss: float, arrays: Iterable[Tensor], config: TrainingConfig) -> None:
    """A ConfigError if the loss or a weight isn't a finite number: training has diverged."""
    if not (math.isfinite(loss) and all(bool(weights.isfinite().all()) for weights in arrays)):
        raise ConfigError(
            f"training diverged: the loss ({loss:g}) or a weight is no finite number any more",
            fix=f"lower learning_rate, which is {config.learning_rate:g}, in the configuration",
        )


def one_cycle(progress: float, warm_up: float = 0.1) -> float:
    """Share of the peak learning rate: up over the first tenth, then down by a cosine to almost nothing."""
    if progress < warm_up:
        return 0.04 + 0.96 * progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
