"""Data-parallel training by the processes that torchrun starts. In a single process, everything here does nothing.

Every process does the same work on the same random numbers, but for the costly product of a batch with the catalogue,
of which each computes its share of the rows (two_tower/train.py). Process 0 decides where the run's course depends on
rounding, which differs between machines of different kinds, and it alone writes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch.distributed as dist
from torch import nn

from marquee.errors import ConfigError

T = TypeVar("T")

# Process 0 may take long over what it does alone (publishing, a slower machine); a dead one is noticed at once.
TIMEOUT = timedelta(hours=1)


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that torchrun describes in the environment (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT)."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    try:
        dist.init_process_group("gloo", timeout=TIMEOUT)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"can't join the other training processes: {error}", fix="start training by torchrun, or unset WORLD_SIZE"
        ) from error
    try:
        yield
    finally:
        dist.destroy_process_group()


def size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_leader() -> bool:
    """Whether this is process 0."""
    return not dist.is_initialized() or dist.get_rank() == 0


def share(n: int) -> slice:
    """This process' rows of n."""
    rank = dist.get_rank() if dist.is_initialized() else 0
    return slice(n * rank // size(), n * (rank + 1) // size())


def broadcast(value: T) -> T:
    """Process 0's value. All processes have to call it."""
    if size() == 1:
        return value
    values: list[Any] = [value]
    dist.broadcast_object_list(values)
    return values[0]  # type: ignore[no-any-return]


def all_gather(value: T) -> list[T]:
    """All processes' values, in their order. All processes have to call it."""
    if size() == 1:
        return [value]
    values: list[Any] = [None] * size()
    dist.all_gather_object(values, value)
    return values


def check_same(value: Any, what: str, *, fix: str) -> None:
    """Check that all processes hold an equal value: else training would go wrong or hang."""
    values = all_gather(value)
    if any(other != values[0] for other in values):
        raise ConfigError(f"the training processes don't have the same {what}: {values}", fix=fix)


def broadcast_weights(model: nn.Module) -> None:
    """Give all processes process 0's weights: the same random seed can differ on another machine."""
    if size() > 1:
        for value in model.parameters():
            dist.broadcast(value.data, src=0)


def sum_gradients(model: nn.Module) -> None:
    """Replace the gradients of the shares by that of the whole batch.

    Not by DistributedDataParallel, which regroups the gradients after its first step: a run that is resumed would add
    in another order, and no longer end with the same bytes.
    """
    if size() > 1:
        for value in model.parameters():
            if value.grad is None:  # would leave the other processes waiting
                raise RuntimeError("a weight took no part in the loss")
            dist.all_reduce(value.grad)


def barrier() -> None:
    """Wait for all processes, so that none ends well where another failed."""
    if size() > 1:
        dist.barrier()
