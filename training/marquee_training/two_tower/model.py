"""The Two-Tower as a torch module: a set encoder over seeds, and a content-aware item tower."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from marquee.models.two_tower import TwoTower


class SetTwoTower(nn.Module):
    """User tower: tanh(W . sum(seed vectors) / sqrt(k) + c). Item tower: own vector + content, and a bias.

    Seeds come from people the model has never seen, so there is no user id anywhere: a person is the set of
    their seeds, as in Mult-DAE (Liang et al. 2018) and ELSA (Vancura et al. 2022). A film has one vector as a
    seed and another as an answer; both add a linear map of its content, which is all that a new film has.

    `content` is (n, f) float32; the bias starts at the logarithm of the (n,) likes. `dropout` acts on the pooled seeds;
    `id_dropout` is the share of films whose own vectors are hidden in a step.
    """

    def __init__(
        self,
        content: NDArray[np.float32],
        popularity: NDArray[np.int32],
        *,
        embedding_size: int,
        dropout: float,
        id_dropout: float,
    ) -> None:
        super().__init__()
        n, f = content.shape
        d = embedding_size
        self.seed_table = nn.Parameter(0.05 * torch.randn(n, d))
        self.item_table = nn.Parameter(0.05 * torch.randn(n, d))
        self.seed_content = nn.Linear(f, d, bias=False)
        self.item_content = nn.Linear(f, d, bias=False)
        for layer in (self.seed_content, self.item_content):
            nn.init.normal_(layer.weight, std=0.05)
        self.hidden = nn.Linear(d, d)
        nn.init.eye_(self.hidden.weight)  # starts as the plain sum of seeds, and learns to bend it
        nn.init.zeros_(self.hidden.bias)
        prior = np.log(popularity + 0.5)
        self.item_bias = nn.Parameter(torch.tensor(prior - prior.mean(), dtype=torch.float32))
        self.register_buffer("content", torch.from_numpy(content), persistent=False)
        self.dropout, self.id_dropout = dropout, id_dropout

    def tables(self) -> tuple[Tensor, Tensor]:
        """(n, d) seed vectors and (n, d) item vectors, with content, and with id dropout while training."""
        seeds: Tensor = self.seed_table
        items: Tensor = self.item_table
        if self.training and self.id_dropout:
            kept = (torch.rand(len(seeds), 1) >= self.id_dropout).float()
            seeds, items = seeds * kept, items * kept
        content: Tensor = self.content  # type: ignore[assignment]
        return seeds + self.seed_content(content), items + self.item_content(content)

    def forward(self, seeds: Tensor, offsets: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Both towers, for sets of films as in `Batch`: the logits of the catalogue are users . items' + item_bias.

        Returns:
            (b, d) float32 user vectors and (n, d) float32 item vectors.
        """
        seed_vectors, item_vectors = self.tables()
        pooled = F.embedding_bag(seeds, seed_vectors, offsets, mode="sum") / sizes.sqrt()[:, None]
        return torch.tanh(self.hidden(F.dropout(pooled, self.dropout, self.training))), item_vectors

    @torch.no_grad()
    def export(self) -> TwoTower:
        """The arrays that serving needs."""
        self.eval()
        seeds, items = self.tables()
        return TwoTower(
            seeds.numpy().copy(),
            items.numpy().copy(),
            self.item_bias.numpy().copy(),
            self.hidden.weight.numpy().copy(),
            self.hidden.bias.numpy().copy(),
            "sqrt_sum",
        )
