"""Training inputs of the size of real requests."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from marquee_training.interactions import Interactions


@dataclass(frozen=True)
class Batch:
    """b people: some of their likes go in, the rest are to be found.

    Attributes:
        seeds: (s,) int64 films of all sets, one set after the other.
        offsets: (b,) int64, where each set begins.
        sizes: (b,) float32, how many films each set has.
        seed_rows: (s,) int64, which set each of `seeds` belongs to.
        targets: (t,) int64 films to be found.
        target_rows: (t,) int64, whose they are.
        target_weights: (t,) float32, 1 / (that person's number of targets): each person counts once.
    """

    seeds: Tensor
    offsets: Tensor
    sizes: Tensor
    seed_rows: Tensor
    targets: Tensor
    target_rows: Tensor
    target_weights: Tensor


def epoch(
    interactions: Interactions,
    rng: np.random.Generator,
    *,
    batch_size: int,
    max_seeds: int,
    long_share: float,
) -> Iterator[Batch]:
    """Every person with at least two likes once, in random order.

    Most inputs have 1..max_seeds films, as requests do; a share is 20-80 % of the person's likes, which teaches
    the vectors from more of the data. Matching the size is the largest single gain known for few seeds
    (docs/quality.md).
    """
    order = rng.permutation(np.flatnonzero(interactions.n_liked >= 2))
    for start in range(0, len(order), batch_size):
        seeds, targets = [], []
        for person in order[start : start + batch_size]:
            liked = rng.permutation(interactions.liked(int(person)))
            if rng.random() < long_share:
                size = int(len(liked) * rng.uniform(0.2, 0.8))
            else:
                size = int(rng.integers(1, max_seeds + 1))
            size = min(max(size, 1), len(liked) - 1)
            seeds.append(liked[:size])
            targets.append(liked[size:])
        yield _pack(seeds, targets)


def _pack(seeds: list[np.ndarray], targets: list[np.ndarray]) -> Batch:
    sizes = np.array([len(part) for part in seeds])
    found = np.array([len(part) for part in targets])
    rows = np.arange(len(seeds))
    return Batch(
        torch.from_numpy(np.concatenate(seeds).astype(np.int64)),
        torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)),
        torch.from_numpy(sizes.astype(np.float32)),
        torch.from_numpy(np.repeat(rows, sizes)),
        torch.from_numpy(np.concatenate(targets).astype(np.int64)),
        torch.from_numpy(np.repeat(rows, found)),
        torch.from_numpy(np.repeat(1.0 / found, found).astype(np.float32)),
    )
