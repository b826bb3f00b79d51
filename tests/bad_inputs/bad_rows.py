"""Files of rows and answers whose lines are no JSON, of wrong types, twice there or missing."""

import json
from pathlib import Path

from bad_case import Case, Sound, write_lines

SCORE = "score --answers {here}/answers.jsonl --gold {here}/gold.jsonl"
ANSWER = '{"labels":["joy"],"vad":{"v":0.80,"a":0.60,"d":0.50},"rationale":"cues: none"}'
MEND = "do: mend"


def gold(key: str, **changes: object) -> dict[str, object]:
    vad = {"v": 0.8, "a": 0.6, "d": 0.5}
    return {"id": key, "answer": {"labels": ["joy"], "vad": vad}, **changes}


def answer(key: object, output: object = ANSWER) -> dict[str, object]:
    return {"id": key, "output": output}


GOLD = (gold("a"), gold("b"))
ANSWERS = (answer("a"), answer("b"))


def case(
    name: str, *parts: str, answers: tuple[object, ...] = ANSWERS, rows: tuple[object, ...] = GOLD
) -> Case:
    def make(here: Path, sound: Sound) -> None:
        write_lines(here / "answers.jsonl", *answers)
        write_lines(here / "gold.jsonl", *rows)

    return Case(name, make, SCORE, parts)


def labels(value: object) -> dict[str, object]:
    return gold("b", answer={"labels": value, "vad": None})


def decode(name: str, *parts: str, rows: tuple[object, ...]) -> Case:
    def make(here: Path, sound: Sound) -> None:
        write_lines(here / "rows.jsonl", *rows)

    command = "decode --model random:tiny@1 --input {here}/rows.jsonl --output {here}/new/out.jsonl"
    return Case(name, make, command, parts)


NO_LINE = "line 2 of "
AN_OBJECT = "allowed: an object with text 'id' and text 'output'"
NO_GOLD = "gold.jsonl has 1 lines that are no gold rows"

CASES = (
    case(
        "answers-id-twice",
        *("line 3 of ", "repeats an id", "got: 'a'", "do: make ids unique"),
        answers=(*ANSWERS, answer("a")),
    ),
    case(
        "answers-missing",
        *("has no answer for rows of", "got: 1 ids, first 'b'", "allowed: the same ids in both"),
        answers=ANSWERS[:1],
    ),
    case(
        "answers-to-no-row",
        *("has answers to rows not in", "got: 1 ids, first 'c'", "allowed: the same ids in both"),
        answers=(*ANSWERS, answer("c")),
    ),
    case(
        "answers-no-json",
        *(NO_LINE, "is no answers line", 'got: \'{"id": "b"\'', AN_OBJECT, MEND),
        answers=(ANSWERS[0], '{"id": "b"'),
    ),
    case(
        "answers-of-wrong-type",
        *(NO_LINE, "is no answers line", AN_OBJECT, MEND),
        answers=(ANSWERS[0], answer("b", {"labels": ["joy"]})),
    ),
    case(
        "answers-id-a-number",
        *(NO_LINE, "is no answers line", AN_OBJECT, MEND),
        answers=(ANSWERS[0], answer(2)),
    ),
    case(
        "answers-nested-too-deep",
        *(NO_LINE, "is no answers line", AN_OBJECT, MEND),
        answers=(ANSWERS[0], "[" * 100_000),
    ),
    case(
        "answers-half-a-character",
        *(NO_LINE, "is no answers line", AN_OBJECT, MEND),
        answers=(ANSWERS[0], json.dumps(answer("b", "\ud800"))),
    ),
    case(
        "answers-empty",
        "holds no answers",
        AN_OBJECT.replace("an", "lines, each an", 1),
        answers=(),
    ),
    case("gold-id-twice", NO_GOLD, "line 3: ", "'a' again", MEND, rows=(*GOLD, gold("a"))),
    case("gold-no-json", NO_GOLD, "line 3: ", MEND, rows=(*GOLD, "{")),
    case(
        "gold-unknown-label", NO_GOLD, "line 2: ", "'rage'", MEND, rows=(GOLD[0], labels(["rage"]))
    ),
    case("gold-labels-no-list", NO_GOLD, "line 2: ", MEND, rows=(GOLD[0], labels("joy"))),
    case("gold-labels-of-lists", NO_GOLD, "line 2: ", MEND, rows=(GOLD[0], labels([["joy"]]))),
    case(
        "gold-vad-out-of-range",
        *(NO_GOLD, "line 2: ", "0 to 1", MEND),
        rows=(GOLD[0], gold("b", answer={"labels": None, "vad": {"v": 1.5, "a": 0.5, "d": 0.5}})),
    ),
    case(
        "gold-vad-nan",
        *(NO_GOLD, "line 2: ", MEND),
        rows=(GOLD[0], '{"id":"b","answer":{"labels":null,"vad":{"v":NaN,"a":0.5,"d":0.5}}}'),
    ),
    case(
        "gold-vad-too-large-a-number",
        *(NO_GOLD, "line 2: ", MEND),
        rows=(
            GOLD[0],
            '{"id":"b","answer":{"labels":null,"vad":{"v":1' + "0" * 400 + ',"a":0,"d":0}}}',
        ),
    ),
    case("gold-unknown-key", NO_GOLD, "line 2: ", MEND, rows=(GOLD[0], gold("b", colour="red"))),
    decode(
        "rows-without-text",
        *(NO_LINE, "is no rows line", "allowed: an object with text 'id' and text 'text'", MEND),
        rows=({"id": "a", "text": "t"}, {"id": "b"}),
    ),
    decode(
        "rows-id-twice",
        *(NO_LINE, "repeats an id", "got: 'a'", "do: make ids unique"),
        rows=({"id": "a", "text": "t"}, {"id": "a", "text": "u"}),
    ),
)
