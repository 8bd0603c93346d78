"""What a training step of the Two-Tower costs at ML-20M's shape, against autograd's own softmax and plain AdamW.

python benchmarks/training_step.py

Both ways take turns in one process; each row is the median of the steps, and only ratios mean something.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from marquee_training.interactions import Interactions
from marquee_training.two_tower.batches import Batch, epoch
from marquee_training.two_tower.model import SetTwoTower
from marquee_training.two_tower.softmax import softmax_loss

N_FILMS, N_PEOPLE, LIKES, CONTENT, SIZE, STEPS = 27_278, 4_096, 85, 72, 200, 12


def main() -> None:
    rng = np.random.default_rng(0)
    films = rng.zipf(1.3, size=(N_PEOPLE, LIKES)) % N_FILMS
    likes = sparse.csr_matrix((np.ones(films.size), (np.repeat(np.arange(N_PEOPLE), LIKES), films.ravel())))
    likes.resize(N_PEOPLE, N_FILMS)
    likes.data[:] = 1
    people = Interactions(np.arange(N_PEOPLE), np.arange(N_FILMS), likes, likes)
    content = rng.random((N_FILMS, CONTENT), dtype=np.float32)
    print(f"{N_FILMS:,} films, vectors of {SIZE}, {torch.get_num_threads()} threads")
    print("| people per step | by autograd, s | as we train, s | ratio |\n| ---: | ---: | ---: | ---: |")
    for batch_size in (256, 512):
        batches = list(epoch(people, rng, batch_size=batch_size, max_seeds=10, long_share=0.5))[:STEPS]
        ways = [Way(content, people, by_autograd, fused=False), Way(content, people, softmax_loss, fused=True)]
        for batch in batches:
            for way in ways:
                way.step(batch)
        one, other = (statistics.median(way.seconds[2:]) for way in ways)  # the first ones warm up
        print(f"| {batch_size} | {one:.3f} | {other:.3f} | {one / other:.1f} |", flush=True)


class Way:
    """A model of its own, and how long its steps took."""

    def __init__(self, content: np.ndarray, people: Interactions, loss: Callable[..., Tensor], *, fused: bool) -> None:
        self.model = SetTwoTower(content, people.popularity, embedding_size=SIZE, dropout=0.2, id_dropout=0.1)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, weight_decay=0.1, fused=fused)
        self.loss = loss
        self.seconds: list[float] = []

    def step(self, batch: Batch) -> None:
        start = time.perf_counter()
        users, items = self.model(batch.seeds, batch.offsets, batch.sizes)
        loss = self.loss(users, items, self.model.item_bias, batch, slice(0, len(batch.sizes)))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.seconds.append(time.perf_counter() - start)


def by_autograd(users: Tensor, items: Tensor, bias: Tensor, batch: Batch, _: slice) -> Tensor:
    logits = users @ items.T + bias
    seeds = torch.zeros_like(logits, dtype=torch.bool)
    seeds[batch.seed_rows, batch.seeds] = True
    log_p = F.log_softmax(logits.masked_fill(seeds, -1e4), dim=1)
    return -(batch.target_weights * log_p[batch.target_rows, batch.targets]).sum() / len(batch.sizes)


if __name__ == "__main__":
    main()
