"""Items that were added or changed while a model served, as part of the data of the next one."""

from dataclasses import replace

import numpy as np
import pandas as pd

from marquee.added import with_items
from marquee.api.items import AddedItems
from marquee.models.columns import Column, Labels, Numbers
from marquee_training.data.dataset import Dataset
from marquee_training.data.features import to_catalog


def with_added(dataset: Dataset, added: AddedItems) -> Dataset:
    """The data set with these items, the new ones without ratings; removed ones stay, since their ratings count."""
    if not added.items:
        return dataset
    n = len(dataset.movies)
    catalog = with_items(to_catalog(dataset, np.zeros(n, dtype=np.int32)), added)
    order = np.argsort(catalog.movie_ids, kind="stable")
    columns: dict[str, Column] = {}
    for name, column in catalog.columns.items():
        if isinstance(column, Numbers):
            columns[name] = Numbers(column.values[order])
        else:
            columns[name] = Labels.of([column.words(row) for row in order.tolist()])
    imdb_ids = columns.pop("imdb_id", None)
    movies = {
        "movie_id": catalog.movie_ids[order].astype(np.int32),
        "title": [catalog.titles[row] for row in order],
        "year": catalog.years[order],
        "genres": ["|".join(catalog.genre_column.words(row)) for row in order],
        "tmdb_id": catalog.tmdb_ids[order],
        "imdb_id": np.nan_to_num(imdb_ids.values).astype(np.int64) if isinstance(imdb_ids, Numbers) else 0,
    }
    texts = (*dataset.texts, *[""] * (len(catalog) - n)) if dataset.texts else ()
    return replace(
        dataset,
        movies=pd.DataFrame(movies).astype({"title": "str", "genres": "str", "imdb_id": "int64"}),
        item_ids=None if catalog.item_ids is None else tuple(catalog.item_ids[row] for row in order),
        columns=columns,
        texts=tuple(texts[row] for row in order) if texts else (),
        notes=(
            *dataset.notes,
            f"{len(added.items):,} items were added or changed in the store since the last training",
        ),
    )
