"""Made-up data of a bookshop and of a store, in the shapes that such teams have.

python examples/make.py books shop        # writes shop/marquee.toml, shop/events/*.parquet, shop/books.jsonl
marquee train --data shop
"""

import json
import shutil
import sys
import uuid
from pathlib import Path

import numpy as np
import pandas as pd

from marquee_training.data.dataset import Dataset
from marquee_training.data.synthetic import synthesize

AUTHORS = "Ada Quill|Ben Harrow|Cleo Marsh|Dov Lind|Eve Tanner|Finn Osei|Gia Romano|Hal Brook".split("|")
BRANDS = "Alder|Birch|Cedar|Dogwood|Elm".split("|")
WARES = "Lamp|Kettle|Chair|Blanket|Notebook|Backpack|Bottle|Clock|Mug|Towel".split("|")
KINDS = ("view", "cart", "purchase")


def make(kind: str, folder: Path, *, people: int = 300, items: int = 150, rows: int = 9000, seed: int = 0) -> Path:
    """Write the files and the mapping of "books" or "retail" into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    world, rng = synthesize(people, items, rows, seed, genome=False), np.random.default_rng(seed)
    {"books": _books, "retail": _retail}[kind](world, rng, folder)
    shutil.copyfile(Path(__file__).with_name(f"{kind}.toml"), folder / "marquee.toml")
    return folder


def _books(world: Dataset, rng: np.random.Generator, folder: Path) -> None:
    films, ratings = world.movies, world.ratings
    isbn = [f"978-1-{number:05d}-{number % 10}" for number in films["movie_id"]]
    genres = [names.split("|") for names in films["genres"]]
    author = [AUTHORS[len(names[0]) % len(AUTHORS)] for names in genres]
    lines = [
        {
            "isbn": isbn[row],
            "name": title,
            "author": author[row],
            "published": f"{year}-03-01" if year else None,
            "categories": genres[row],
            "price": round(float(rng.uniform(5, 40)), 2),
            "series": f"Series {row // 3}" if row % 4 == 0 else None,
            "blurb": f"A {' and '.join(genres[row])} story by {author[row]}.",
            "shelf": row % 7,
        }
        for row, (title, year) in enumerate(zip(films["title"], films["year"].tolist(), strict=True))
    ]
    (folder / "books.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    stars = ratings["rating"].to_numpy()
    events = pd.DataFrame(
        {
            "customer": [f"c{person:04d}" for person in ratings["user_id"]],
            "isbn": [isbn[movie - 1] for movie in ratings["movie_id"]],
            "type": np.array(KINDS)[np.digitize(stars, (3.5, 4.25))],
            "ts": pd.to_datetime(ratings["timestamp"], unit="s", utc=True),
            "session": rng.integers(0, 10**6, len(ratings)),
        }
    )
    events = pd.concat([events, events[events["type"] != "view"].assign(type="view")])  # who buys has looked
    (folder / "events").mkdir(exist_ok=True)
    for part, at in enumerate(np.array_split(np.arange(len(events)), 2)):
        events.iloc[at].to_parquet(folder / "events" / f"part-{part}.parquet", index=False)


def _retail(world: Dataset, rng: np.random.Generator, folder: Path) -> None:
    films, ratings = world.movies, world.ratings
    ean = 4_000_000_000_000 + films["movie_id"].to_numpy(np.int64) * 17
    brand = [BRANDS[len(names) % len(BRANDS)] for names in films["genres"]]
    ware = [WARES[len(names) * 7 % len(WARES)] for names in films["genres"]]
    products = pd.DataFrame(
        {
            "ean": ean,
            "name": [f"{own} {ware[row]} {row}" for row, own in enumerate(brand)],
            "brand": brand,
            "price": rng.uniform(3, 90, len(ean)).round(2),
            "description": [
                f"{one} made by {own},\nfor {names}"
                for one, own, names in zip(ware, brand, films["genres"], strict=True)
            ],
        }
    )
    products.to_csv(folder / "products.csv", index=False)
    bought = ratings[ratings["rating"] >= 3.5]
    accounts = {person: uuid.UUID(int=int(person) << 64 | 4).hex for person in bought["user_id"].unique()}
    orders = pd.DataFrame(
        {
            "account": bought["user_id"].map(accounts),
            "ean": ean[bought["movie_id"] - 1],
            "quantity": rng.integers(1, 4, len(bought)),
            "ordered_at": pd.to_datetime(bought["timestamp"], unit="s").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )
    returned = orders.sample(frac=0.02, random_state=0).assign(quantity=-3)
    pd.concat([orders, returned]).to_csv(folder / "orders.csv.gz", index=False)


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]))
