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

    Args:
        content: (n, f) float32 features of the films.
        popularity: (n,) likes per film; the bias starts at their logarithm.
        embedding_size: d.
        dropout: On the pooled seeds.
        id_dropout: Share of films whose own vectors are hidden in a step.
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
        """Both towers: the logits of the catalogue are users . items' + item_bias.

        Args:
            seeds: (s,) int64, the sets' films one after the other.
            offsets: (b,) int64, where each set begins.
            sizes: (b,) float32, how many films each set has.

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


class ClassicTwoTower(nn.Module):
    """The classic towers: a user-id embedding and an item tower of id and content, cosine between them.

    Kept as a baseline. The user tower is thrown away after training: serving takes the mean of the seeds' item
    vectors, which the loss never saw; docs/adr/0003 says what that costs.

    Args:
        n_users: People to train on.
        content: (n, f) float32 features of the films.
        embedding_size: Width of the output; ids get half of it.
    """

    def __init__(self, n_users: int, content: NDArray[np.float32], *, embedding_size: int) -> None:
        super().__init__()
        n, f = content.shape
        d = max(2, embedding_size // 2)
        self.user_table = nn.Embedding(n_users, d)
        self.user_mlp = nn.Sequential(nn.Linear(d, 128), nn.ReLU(), nn.Linear(128, embedding_size))
        self.item_table = nn.Embedding(n, d)
        self.content_mlp = nn.Sequential(nn.Linear(f, 128), nn.ReLU(), nn.Linear(128, 64))
        self.item_mlp = nn.Sequential(nn.Linear(d + 64, 128), nn.ReLU(), nn.Linear(128, embedding_size))
        self.register_buffer("content", torch.from_numpy(content), persistent=False)

    def users(self, rows: Tensor) -> Tensor:
        """(b, e) unit user vectors."""
        return F.normalize(self.user_mlp(self.user_table(rows)), dim=1)

    def items(self, rows: Tensor) -> Tensor:
        """(b, e) unit item vectors."""
        content: Tensor = self.content  # type: ignore[assignment]
        joined = torch.cat([self.item_table(rows), self.content_mlp(content[rows])], dim=1)
        return F.normalize(self.item_mlp(joined), dim=1)

    @torch.no_grad()
    def export(self) -> TwoTower:
        """The arrays that serving needs: the mean of the seeds' item vectors stands in for the person."""
        self.eval()
        vectors = self.items(torch.arange(self.item_table.num_embeddings)).numpy().copy()
        return TwoTower(vectors, vectors, np.zeros(len(vectors), dtype=np.float32), pooling="mean")
