"""crowd-enVENT and ISEAR in their official layouts, with made-up texts and bad records."""

import csv
import io
from pathlib import Path

import numpy as np

ENVENT_ITEMS = ("goal_support", "self_control", "predict_event", "predict_conseq")

ISEAR_HEADER = "ID|CITY|EMOT|FAIR|COPING|Field1|MYKEY|SIT|STATE|"

MOODS = {
    "joy": ("I won the prize I had worked for", (5, 4, 4, 4)),
    "pride": ("I decided to finish my degree and did it", (5, 5, 4, 5)),
    "fear": ("a stranger followed me home in the dark", (1, 2, 1, 2)),
    "sadness": ("my grandmother died in the hospital", (1, 1, 2, 3)),
}
"""Emotion -> (the heart of its texts, the four ratings of crowd-enVENT)."""

UNFAIR = {
    "joy": ("I got the place I had hoped for", 1),
    "anger": ("he cheated me and lied about it", 3),
    "guilt": ("I forgot to call her back", 2),
}
"""Emotion of ISEAR -> (the heart of its texts, FAIR)."""


def envent_folder(folder: Path, rows: int = 120, readers: int = 2) -> Path:
    """Both files; the first quarter of the texts has been read by `readers` people."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    emotions = list(MOODS)
    written, read = [], []
    for number in range(rows):
        emotion = emotions[number % len(emotions)]
        heart, ratings = MOODS[emotion]
        noise = rng.integers(-1, 2, size=4)
        given = [int(np.clip(r + n, 1, 5)) for r, n in zip(ratings, noise, strict=True)]
        written.append(
            [emotion, number, "shown", f"I felt ... when {_scene(number)}, {heart}", *given]
        )
        if number < rows // 4:
            read += [[emotion, number, *ratings] for _ in range(readers)]
    head = ["emotion", "text_id"]
    texts = table([[*head, "generated_text", "hidden_emo_text", *ENVENT_ITEMS], *written])
    (folder / "enVent_gen_Data.csv").write_bytes(texts.encode("cp1252"))
    (folder / "enVent_val_Data.csv").write_text(
        table([[*head, *ENVENT_ITEMS], *read]), encoding="utf-8"
    )
    return folder


def isear_file(path: Path, rows: int = 120) -> Path:
    """One sound record a line; every twelfth says that fairness does not apply."""
    path.parent.mkdir(parents=True, exist_ok=True)
    emotions = list(UNFAIR)
    lines = [ISEAR_HEADER]
    for number in range(rows):
        emotion = emotions[number % len(emotions)]
        heart, unfair = UNFAIR[emotion]
        fair = 0 if number % 12 == 11 else unfair
        text = f"When {_scene(number)} á and {heart}."
        lines.append(f"{number}|1|1|{fair}|3|{emotion}|{number:05d}|{text}|1|")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def table(rows: list[list[object]]) -> str:
    """CSV as the official files have it."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _scene(number: int) -> str:
    """Distinct words for each number: no two texts are near-duplicates."""
    name, place = ("Anna", "Ben", "Carla", "David")[number % 4], ("home", "work")[number % 2]
    return f"{name} of room{number} left {place} by train{number} on day{number}"
