"""Who is judged beside us: what opponents.toml says."""

import itertools
import tomllib
from dataclasses import dataclass
from pathlib import Path

from marquee.errors import ConfigError

HERE = Path(__file__).parent
PROTOCOLS = ("few-seeds", "holdout", "tastes")


@dataclass(frozen=True)
class Opponent:
    """One row of the report, as opponents.toml explains it; `model` is FILE.py:CLASS with an absolute path."""

    name: str
    environment: str
    model: str
    about: str
    cold: str
    source: str
    min_likes: int
    settings: tuple[dict[str, float], ...]
    protocols: tuple[str, ...] = PROTOCOLS

    @property
    def code(self) -> Path:
        """The file of its model."""
        return Path(self.model.rsplit(":", 1)[0])


def read_opponents(path: Path = HERE / "opponents.toml", models: Path = HERE / "child") -> list[Opponent]:
    """All opponents; a ConfigError where a key is missing or unknown."""
    found = []
    for name, entry in tomllib.loads(path.read_text("utf-8")).items():
        try:
            model, settings = str(models / entry.pop("model")), expand(entry.pop("grid"))
            protocols = tuple(entry.pop("protocols", PROTOCOLS))
            found.append(Opponent(name=name, model=model, settings=settings, protocols=protocols, **entry))
        except (KeyError, TypeError) as error:
            raise ConfigError(f"{path}: {name}: {error}", fix="see the list of keys at the top of the file") from error
    return found


def expand(grid: list[dict[str, list[float]]]) -> tuple[dict[str, float], ...]:
    """All combinations of each table's lists, the last key changing fastest; none twice."""
    rows = (zip(table, values, strict=True) for table in grid for values in itertools.product(*table.values()))
    return tuple(dict(row) for row in dict.fromkeys(tuple(row) for row in rows))


def chosen(opponents: list[Opponent], names: list[str] | None) -> list[Opponent]:
    """Those of the names; None = all."""
    known = [opponent.name for opponent in opponents]
    if unknown := [name for name in names or [] if name not in known]:
        raise ConfigError(f"no opponent is called {unknown[0]!r}", fix=f"use some of {', '.join(known)}")
    return [opponent for opponent in opponents if names is None or opponent.name in names]
