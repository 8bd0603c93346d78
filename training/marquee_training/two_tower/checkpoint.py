"""A training run's state on disk, so that a killed run goes on where it was. No pickle: tensors and JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from marquee_training.files import load_whole, save_whole

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rng: np.random.Generator,
    state: dict[str, Any],
    best: dict[str, Tensor],
) -> None:
    """Write everything that the loop needs to go on exactly as if it had never stopped."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": moments[name] for name in MOMENTS}
    tensors["torch_rng"] = torch.get_rng_state()
    metadata = {"state": json.dumps(state), "numpy_rng": json.dumps(rng.bit_generator.state)}
    save_whole(path, {name: value.numpy() for name, value in tensors.items()}, metadata)


def load_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Restore into the arguments; returns the loop's state and the best weights, or None without a sound checkpoint."""
    loaded = load_whole(path)
    if loaded is None:
        return None
    arrays, metadata = loaded
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    model.load_state_dict(part("model."))
    saved = optimizer.state_dict()
    saved["state"] = {
        index: {name: tensors[f"optimizer.{index}.{name}"] for name in MOMENTS}
        for index in range(sum(len(group["params"]) for group in saved["param_groups"]))
        if f"optimizer.{index}.step" in tensors
    }
    optimizer.load_state_dict(saved)
    rng.bit_generator.state = json.loads(metadata["numpy_rng"])
    torch.set_rng_state(tensors["torch_rng"])
    return json.loads(metadata["state"]), part("best.")
