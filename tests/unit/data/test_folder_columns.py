"""Columns that only the names of folders have, as Hive and Spark write them: country=DE/part-0.parquet."""

import pandas as pd
import pytest

from marquee.errors import DataError
from marquee_training.data.mapped import load_mapped

MAPPING = """
[interactions]
files = "actions"
user = "who"
item = "what"
time = "day"

[items]
files = "items/**/part.*"
id = "id"
columns = ["brand"]
"""
WRITE = {
    "parquet": lambda frame, path: frame.to_parquet(path),
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
}


@pytest.fixture(params=WRITE)
def folder(request, tmp_path):
    def write(place, **cells):
        (tmp_path / place).mkdir(parents=True)
        WRITE[request.param](
            pd.DataFrame({name: [cell] for name, cell in cells.items()}), tmp_path / place / f"part.{request.param}"
        )

    write("actions/day=2024-05-18", who="u", what="a")
    write("actions/day=2024-05-19", who="v", what="a")
    write("items/brand=A%2FB", id="a")
    write("items/brand=__HIVE_DEFAULT_PARTITION__", id="b")
    write("items/brand=C", id="c", brand="c")  # the file's own cells count
    (tmp_path / "marquee.toml").write_text(MAPPING)
    return tmp_path


def test_they_are_read_as_text(folder):
    dataset = load_mapped(str(folder))
    assert dataset.ratings["timestamp"].tolist() == [1715990400, 1716076800]
    brands = {item: dataset.columns["brand"].words(row) for row, item in enumerate(dataset.item_ids)}
    assert brands == {"a": ["A/B"], "b": [], "c": ["c"]}
    assert {
        "table": "interactions",
        "column": "day",
        "read_as": "time",
        "type": "text",
        "example": "2024-05-18",
    } in dataset.read


def test_those_that_no_folder_has_are_missing(folder):
    (folder / "marquee.toml").write_text(MAPPING.replace('"brand"', '"band"'))
    with pytest.raises(DataError, match="has no column 'band'") as error:
        load_mapped(str(folder))
    assert "did you mean 'brand'?" in error.value.fix
