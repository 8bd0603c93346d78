"""Memory: what the largest steps of training need at least, and what this process may still use."""

import math
import os
import re
from pathlib import Path

from marquee.errors import ConfigError
from marquee_training.config import TrainingConfig
from marquee_training.interactions import Interactions

CGROUP = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
TABLES = 10
"""Arrays of films x embedding_size that a training step holds: two tables, their gradients, moments and inputs."""
GRAMS = 3
"""Dense matrices of films x films that fitting an item-item view holds."""


def require_memory(config: TrainingConfig, everybody: Interactions, n_features: int) -> None:
    """A ConfigError where less memory is left than training needs at least; before the work, not hours into it."""
    n, left = everybody.n_movies, available()
    popularity = everybody.popularity
    taking_part = min(int((popularity >= config.item_cf_min_positives).sum()), config.item_cf_max_movies)
    cell = 8 if taking_part <= 10_000 else 4
    tower = 4 * n * (TABLES * config.embedding_size + config.batch_size + n_features)
    dense = "svd" not in config.item_cf or config.history_cf != "none"
    views = GRAMS * cell * taking_part**2 if dense else 0
    if left is None or max(tower, views) <= left[0]:
        return
    fix = "lower batch_size or embedding_size"
    if views > tower:
        fix = f"lower item_cf_max_movies to {math.isqrt(left[0] // (GRAMS * 8)) // 100 * 100}"
    raise ConfigError(
        f"training on {n:,} films needs at least {_gib(max(tower, views))} more memory, and {_gib(left[0])} are left "
        f"({left[1]})",
        fix=f"give it more memory, or {fix} in the configuration",
    )


def available() -> tuple[int, str] | None:
    """Bytes that this process may still use, and what limits them; None where the system doesn't say."""
    try:
        size, resident = (
            int(pages) * os.sysconf("SC_PAGE_SIZE") for pages in Path("/proc/self/statm").read_text().split()[:2]
        )
        total = sum(
            int(kb) * 1024 for kb in re.findall(r"(?:Mem|Swap)Total: +(\d+)", Path("/proc/meminfo").read_text())
        )
    except (OSError, ValueError):
        return None
    import resource  # noqa: PLC0415 - not on Windows, which has no /proc either

    limits = [(total - resident, "the machine's memory and swap")]
    for path in CGROUP:
        text = path.read_text().strip() if path.is_file() else "max"
        if text.isdecimal():
            limits.append((int(text) - resident, f"the container's limit, {path}"))
    if (address_space := resource.getrlimit(resource.RLIMIT_AS)[0]) != resource.RLIM_INFINITY:
        limits.append((address_space - size, "the limit of address space, ulimit -v"))
    left, why = min(limits)
    return max(left, 0), why


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes >> 20} MiB"
