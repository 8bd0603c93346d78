"""The classic towers, a baseline: user ids, and a triplet margin loss over (person, liked film, disliked film)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from marquee.errors import DataError
from marquee.models.two_tower import TwoTower
from marquee_training.config import TrainingConfig
from marquee_training.interactions import Interactions
from marquee_training.progress import EpochReport

HARD_NEGATIVE_RATING = 2.0


class ClassicTwoTower(nn.Module):
    """The classic towers: a user-id embedding and an item tower of id and content, cosine between them.

    The user tower is thrown away after training: serving takes the mean of the seeds' item vectors, which the loss
    never saw; docs/adr/0003 says what that costs. Ids get half of the embedding size.
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


def train_classic(
    config: TrainingConfig,
    interactions: Interactions,
    content: NDArray[np.float32],
    *,
    epochs: int,
    report: EpochReport | None = None,
) -> TwoTower:
    """Fit the classic towers by Adam, in one thread."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    model = ClassicTwoTower(len(interactions.user_ids), content, embedding_size=config.embedding_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    criterion = nn.TripletMarginLoss(margin=config.triplet_margin, p=2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # steps are tiny: handing their parts to other threads takes longer than doing them
    try:
        for number in range(1, epochs + 1):
            model.train()
            triplets = [torch.from_numpy(part) for part in sample_triplets(config, interactions, rng)]
            losses = []
            for batch in zip(*(torch.split(part, config.batch_size) for part in triplets), strict=True):
                loss = criterion(*_vectors(model, *batch))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                losses.append(float(loss.detach()))
            if report:
                report(number, epochs, {"loss": float(np.mean(losses))})
        return model.export()
    finally:
        torch.set_num_threads(threads)


def _vectors(model: ClassicTwoTower, people: Tensor, liked: Tensor, disliked: Tensor) -> list[Tensor]:
    """(b, e) each; people and films that stand in several triplets of a batch go through their tower once."""
    users, user_of = torch.unique(people, return_inverse=True)
    films, film_of = torch.unique(torch.cat([liked, disliked]), return_inverse=True)
    own, items = model.users(users), model.items(films)
    return [own[user_of], items[film_of[: len(liked)]], items[film_of[len(liked) :]]]


def sample_triplets(
    config: TrainingConfig, interactions: Interactions, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows of people, columns of liked and of not liked films, (t,) int64 each.

    Pairs of likes and dislikes are drawn uniformly from all such pairs, so busy people weigh most, as in the
    classic design.

    Raises:
        DataError: With hard negatives, nobody both likes a film and rates another 2 or less.
    """
    n_liked = interactions.n_liked
    if config.triplet_negatives == "random":
        n_triplets = min(config.triplet_samples, int(n_liked.sum()))
        people = rng.choice(len(n_liked), n_triplets, p=n_liked / n_liked.sum())
        negatives = rng.integers(0, interactions.n_movies, n_triplets)
    else:
        low = interactions.ratings.copy()
        low.data = (low.data <= HARD_NEGATIVE_RATING).astype(np.float32)
        low.eliminate_zeros()
        n_low = np.diff(low.indptr).astype(np.int64)
        pairs = n_liked * n_low
        if not pairs.any():
            raise DataError(
                f"nobody both likes a film and rates another {HARD_NEGATIVE_RATING} or less: no hard negatives",
                fix='set triplet_negatives = "random"',
            )
        n_triplets = int(min(config.triplet_samples, pairs.sum()))
        people = rng.choice(len(pairs), n_triplets, p=pairs / pairs.sum())
        negatives = low.indices[low.indptr[people] + rng.integers(0, n_low[people])]
    likes = interactions.likes
    positives = likes.indices[likes.indptr[people] + rng.integers(0, n_liked[people])]
    return people.astype(np.int64), positives.astype(np.int64), negatives.astype(np.int64)
