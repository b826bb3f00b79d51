"""The claim itself: 500 rows get the same bytes in whatever way they are decoded.

The random model's answers are arbitrary tokens: nothing of an answer's form helps the decoder.
`make exactness` asks the same of a trained model.
"""

import random
from dataclasses import replace

import pytest

from emoloom.decoding.verified import DecodeSettings, decode_rows
from tiny_lm import Reference, make_tiny, reference, word_texts

ROWS = 500
MAX_NEW_TOKENS = 4


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> Reference:
    lm = make_tiny(tmp_path_factory.mktemp("exactness") / "random")
    for name, weights in lm.model.named_parameters():
        if "proj" in name:
            weights.data.mul_(2)  # at their usual size the text hardly moves the answer
    texts = [*word_texts(ROWS - 3, 7), "", "<|im_end|>", "word " * 200]
    return reference(lm, texts, MAX_NEW_TOKENS)


def shuffled(rows):
    return random.Random(1).sample(rows, len(rows))


def doubled(rows):
    return [row for row in rows for _ in range(2)]


WAYS = {
    "one row at a time": (list, {"pack_rows": 1}),
    "packs of 3": (list, {"pack_rows": 3}),
    "packs of 16": (list, {"pack_rows": 16}),
    "packs of any size": (list, {"pack_rows": 500, "pack_tokens": 100_000}),
    "small packs": (list, {"pack_tokens": 300}),
    "shuffled": (shuffled, {}),
    "every row twice": (doubled, {}),
}


def outputs(which: Reference, rows, certificate, **sizes) -> list[tuple[str, bytes]]:
    settings = DecodeSettings(MAX_NEW_TOKENS, **sizes)
    answers = decode_rows(which.lm, rows, certificate, settings)
    return sorted((answer.id, answer.output.encode("utf-8")) for answer in answers)


def expected(which: Reference, rows) -> list[tuple[str, bytes]]:
    return sorted((row_id, which.answers[row_id].output.encode("utf-8")) for row_id, _ in rows)


def test_the_answers_are_worth_comparing(untrained):
    assert len(untrained.rows) == len(untrained.answers) == ROWS
    assert len({answer.output for answer in untrained.answers.values()}) > 100
    assert sum(answer.truncated for answer in untrained.answers.values()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_packed_rows_get_the_canonical_bytes(untrained, way):
    change, sizes = WAYS[way]
    rows = change(list(untrained.rows))
    assert outputs(untrained, rows, untrained.certificate, **sizes) == expected(untrained, rows)


def test_unpacked_rows_get_the_canonical_bytes(untrained):
    rows = untrained.rows[-60:]
    unpacked = replace(untrained.certificate, verdict="canonical only", packed_up_to=0)
    assert outputs(untrained, rows, unpacked) == expected(untrained, rows)
