"""RecTools' models. Each: (likes CSR, genres, settings, seed) fits; `scores` takes (b, n) seeds, gives (b, n)."""

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import seed_everything
from rectools.dataset import Dataset
from rectools.models import DSSMModel, EASEModel
from rectools.models.nn.dssm import DSSM as Towers  # noqa: N811 - the class below is DSSM


def dataset_of(likes, genres=None):
    """A data set whose internal ids may differ from our columns; and our column of each internal id."""
    rows, columns = likes.nonzero()
    frame = pd.DataFrame({"user_id": rows, "item_id": columns, "weight": 1.0, "datetime": "2020-01-01"})
    features = {}
    if genres is not None:
        films, kinds = genres.nonzero()
        ids = np.arange(likes.shape[1])
        features["item_features_df"] = pd.DataFrame(
            {
                "id": np.concatenate([ids, films]),
                "feature": ["film"] * len(ids) + ["genre"] * len(films),
                "value": np.concatenate([ids, kinds]),
            }
        )
        people = np.unique(rows)
        features["user_features_df"] = pd.DataFrame({"id": people, "feature": "person", "value": 1})
        features |= {"cat_item_features": ["film", "genre"], "cat_user_features": ["person"]}
    built = Dataset.construct(frame, **features)
    return built, built.item_id_map.get_external_sorted_by_internal().astype(np.int64)


class EASE:
    """The model takes no new people: seeds times its weights."""

    def __init__(self, likes, genres, settings, seed):
        dataset, self.columns = dataset_of(likes)
        self.weight = EASEModel(**settings).fit(dataset).weight

    def scores(self, seeds):
        found = np.empty(seeds.shape, dtype=np.float32)
        found[:, self.columns] = seeds[:, self.columns] @ self.weight
        return found


class DSSM:
    """Films are their ids and genres; people are what they like. The user tower is run on a new person's seeds."""

    def __init__(self, likes, genres, settings, seed):
        seed_everything(seed)
        dataset, self.columns = dataset_of(likes, genres)
        width = settings["dim"]
        towers = Towers(
            width,
            width,
            dataset.user_features.get_sparse().shape[1],
            dataset.item_features.get_sparse().shape[1],
            likes.shape[1],
            lr=settings["lr"],
            triplet_loss_margin=settings["margin"],
            log_to_prog_bar=False,
        )
        model = DSSMModel(model=towers, max_epochs=settings["epochs"], trainer_accelerator="cpu", loggers=False)
        model.fit(dataset)
        self.films = model.get_vectors(dataset)[1]
        self.tower = model.model.user_net.eval()
        self.person = torch.ones(1, dataset.user_features.get_sparse().shape[1])

    def scores(self, seeds):
        shown = torch.from_numpy(seeds[:, self.columns].toarray())
        with torch.no_grad():
            people = self.tower(self.person.expand(len(shown), -1), shown).numpy()
        # The library ranks by Euclidean distance.
        squared = (people**2).sum(1)[:, None] - 2 * people @ self.films.T + (self.films**2).sum(1)
        found = np.empty(seeds.shape, dtype=np.float32)
        found[:, self.columns] = -squared
        return found
