"""Files of corpora that no model was trained on, and a config that asks them."""

import json
from pathlib import Path

from emoloom.config_mapping import MappingConfig
from emoloom.config_sections import RowsConfig
from emoloom.records import VAD, Prediction
from tiny_screen import SETTINGS, write_config

_THINGS = ("sun", "rain", "moon", "lake", "hill", "tree", "road", "fish", "bird", "lamp", "door")
EKMAN = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
COLUMNS = {"text": "text", "labels": "emotion"}
RATED = {**COLUMNS, "valence": "v", "arousal": "a", "dominance": "d"}


def ekman_csv(folder: Path, rows: int = 14) -> Path:
    """Rows with the seven labels in turn, no VAD, no column of splits."""
    lines = [
        f"a {_THINGS[n % 11]} of the {_THINGS[(5 * n + 3) % 11]} number {n},{EKMAN[n % 7]}"
        for n in range(rows)
    ]
    return _written(folder / "seven.csv", "text,emotion", lines)


def own_csv(folder: Path, rows: int = 6) -> Path:
    """Rows with labels of the space in force and VAD by people."""
    lines = [
        f"their {_THINGS[(3 * n) % 11]} beside our {_THINGS[(7 * n + 1) % 11]} count {n},"
        f"{('joy', 'annoyance')[n % 2]},0.{9 - n},0.{n + 1},0.5"
        for n in range(rows)
    ]
    return _written(folder / "own.csv", "text,emotion,v,a,d", lines)


def own_part(path: Path, space: str | None = None, **more: object) -> RowsConfig:
    """A part of such a file, its mapping stated."""
    mapping = MappingConfig.model_validate(more.pop("mapping", COLUMNS))
    return RowsConfig(file=path, label_space=space, mapping=mapping, **more)


def cross_parts(folder: Path) -> list[dict[str, object]]:
    """Both files: 8 rows of the one, which answers are mapped for; all 6 of the other."""
    seven, own = ekman_csv(folder), own_csv(folder)
    return [
        {"file": str(seven), "label_space": "ekman7", "mapping": COLUMNS, "rows": 8},
        {"file": str(own), "mapping": RATED},
    ]


def cross_config(path: Path, cross: list[dict[str, object]] | None = None, **changes: object):
    """The small screen with `data.cross`: both files unless others are given."""
    parts = cross_parts(path.parent) if cross is None else cross
    return write_config(path, data={**SETTINGS["data"], "cross": parts}, **changes)


def _written(path: Path, head: str, lines: list[str]) -> Path:
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def scores_of(folder: Path, name: str) -> dict:
    """The scores.json of an entry."""
    return json.loads((folder / f"candidates/{name}/scores.json").read_text(encoding="utf-8"))


def said(*labels: str) -> Prediction:
    """An answer of these labels."""
    return Prediction(labels, VAD(0.5, 0.5, 0.5), "cues: none")
