"""Data-parallel training: the processes that torchrun starts. Alone, everything here does nothing.

Every process does the same work on the same random numbers, but for the costly product of a batch with the
catalogue, of which each takes its share of the rows (see train_two_tower). What decides the run's course is process
0's word, since machines of different kinds round differently; and process 0 alone writes.
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
def joined() -> Iterator[None]:
    """Join the processes that torchrun describes in the environment (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT).

    Raises:
        ConfigError: The environment describes only half of it, or the others can't be reached.
    """
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
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def leads() -> bool:
    """Whether this is process 0, which decides and writes."""
    return not dist.is_initialized() or dist.get_rank() == 0


def share(n: int) -> slice:
    """This process' rows of n."""
    if size() == 1:
        return slice(0, n)
    rank = dist.get_rank()
    return slice(n * rank // size(), n * (rank + 1) // size())


def decided(value: T) -> T:
    """Process 0's value, in all processes. All have to call it."""
    if size() == 1:
        return value
    values: list[Any] = [value]
    dist.broadcast_object_list(values)
    return values[0]  # type: ignore[no-any-return]


def gathered(value: T) -> list[T]:
    """All processes' values, in the order of the processes. All have to call it."""
    if size() == 1:
        return [value]
    values: list[Any] = [None] * size()
    dist.all_gather_object(values, value)
    return values


def check_same(value: Any, what: str, *, fix: str) -> None:
    """All processes have to hold an equal value.

    Raises:
        ConfigError: They don't; training would go wrong or hang.
    """
    values = gathered(value)
    if any(other != values[0] for other in values):
        raise ConfigError(f"the training processes don't have the same {what}: {values}", fix=fix)


def same_weights(model: nn.Module) -> None:
    """Give all processes process 0's weights: the same random seed need not mean the same on another machine."""
    if size() > 1:
        for value in model.parameters():
            dist.broadcast(value.data, src=0)


def sum_gradients(model: nn.Module) -> None:
    """Replace the gradients of the shares by that of the whole batch.

    DistributedDataParallel would do it while the gradients are computed, but regroups them after its first step: a
    run that goes on after a kill would add in another order, and no longer end with the same bytes.
    """
    if size() > 1:
        for value in model.parameters():
            if value.grad is None:  # would leave the other processes waiting
                raise RuntimeError("a weight took no part in the loss")
            dist.all_reduce(value.grad)


def finish() -> None:
    """Wait until all are here, so that no process ends well where another failed."""
    if size() > 1:
        dist.barrier()
