"""Eight rows of SmolLM2 after a few steps of training, in every way of decoding."""

import pytest

from emoloom.config import load_config
from emoloom.corpora.labels import load_space
from emoloom.decoding.canonical import decode_canonical
from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.causal_lm import CausalLM
from emoloom.row_sets.shared import read_row_sets
from emoloom.runs.directory import RunDirectory
from emoloom.screening.candidates import list_candidates, load, read_certificate, with_adapter
from emoloom.screening.decode_inputs import taught_answers
from emoloom.sources.model_files import get_model

LIMIT = 24
"""The labels and the numbers; canonical decoding costs a whole forward a token."""


@pytest.mark.real
def test_every_way_of_decoding_gives_the_canonical_bytes(few_rows) -> None:
    config, run = load_config(few_rows.config), RunDirectory(few_rows.run)
    space = load_space(config.labels)
    sets = read_row_sets(run.root / "data", space)
    (candidate,) = (one for one in list_candidates(config) if one.recipe == "sft")
    folder = run.candidate(candidate.name)
    lm: CausalLM = with_adapter(load(get_model(candidate.model), config, space), folder)
    certificate = read_certificate(folder / "preflight.json")
    rows = [(row.id, row.text) for row in sets.select]
    assert len(rows) == 8
    canonical = {key: decode_canonical(lm, key, text, LIMIT).output for key, text in rows}
    assert any(output.startswith('{"labels":["') for output in canonical.values())
    ways = {
        "one row at a time": (rows, {"pack_rows": 1}),
        "packs of 3": (rows, {"pack_rows": 3}),
        "packs of 16, reversed": (rows[::-1], {"pack_rows": 16}),
        "every row twice": ([row for row in rows for _ in range(2)], {}),
    }
    for way, (given, sizes) in ways.items():
        drafter = contract_drafter(lm.prompter, answers=taught_answers(sets.train))
        settings = DecodeSettings(LIMIT, **sizes)
        found = list(decode_rows(lm, given, certificate, settings, drafter))
        assert len(found) == len(given), way
        assert {answer.id: answer.output for answer in found} == canonical, way
