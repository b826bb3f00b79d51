"""The certificate: `packed` where packing is exact and no further; other uses only warn."""

import pytest

from architectures import CONFIGS, OTHER_CONFIGS
from certified import (
    ANSWER,
    MAX_NEW_TOKENS,
    TEXTS,
    BrokenCache,
    candidate,
    certificate,
    longest_row,
    packing_check,
)
from emoloom.models.causal_lm import CausalLM
from emoloom.models.certificate import explain
from emoloom.models.preflight import MIN_POSITIONS, certify
from emoloom.runs.directory import dumps
from tiny_lm import make_tiny


@pytest.fixture(scope="module")
def prompter(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("preflight") / "model").prompter


@pytest.mark.parametrize("architecture", sorted(CONFIGS))
def test_an_ordinary_model_is_packed_up_to_the_longest_row(prompter, architecture):
    found = certificate(candidate(prompter, CONFIGS[architecture]()))
    assert found.verdict == "packed"
    assert found.packed_up_to == longest_row(prompter)
    assert found.positions >= MIN_POSITIONS
    assert 0 <= found.tie_margin < 1e-2  # nought where a processor rounds packs as rows alone
    assert [check.name.split(",")[0] for check in found.checks] == [
        "template stable",
        "end token known",
        "no NaN",
        "causality",
        "packed equals single",
        "batched equals single",
        "padded equals unpadded",
        "cached equals uncached",
    ]
    assert all(check.passed and check.value <= check.limit for check in found.checks)
    assert str(longest_row(prompter)) in found.reason


@pytest.mark.parametrize("texts", [["a"], [""], [*TEXTS] * 200])
def test_the_longest_row_is_reached_from_any_texts(prompter, texts):
    lm = candidate(prompter, CONFIGS["llama"]())
    found = certify(lm, texts, [ANSWER], MAX_NEW_TOKENS)
    assert found.verdict == "packed"
    if texts != [""]:
        assert found.packed_up_to == longest_row(prompter)


@pytest.mark.parametrize("window", [8, 64, 130, 150, 180, 200, 215])
def test_a_sliding_window_is_never_packed_beyond(prompter, window):
    lm = candidate(prompter, CONFIGS["gemma3"](), sliding_window=window)
    found = certificate(lm)
    assert window < longest_row(prompter)
    assert found.packed_up_to <= window
    if found.verdict == "packed":
        assert found.packed_up_to > len(prompter.head_ids)
    else:
        assert found.verdict == "canonical only"
        assert found.packed_up_to == 0
        assert not packing_check(found).passed
        assert packing_check(found).value > packing_check(found).limit


def test_some_window_leaves_room_to_pack(prompter):
    lm = candidate(prompter, CONFIGS["gemma3"](), sliding_window=200)
    assert certificate(lm).verdict == "packed"


def test_a_mistral_window_is_seen_too(prompter):
    lm = candidate(prompter, OTHER_CONFIGS["mistral"](), sliding_window=8)
    assert certificate(lm).verdict == "canonical only"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_cache_of_no_numbers_warns_and_its_record_can_be_written(prompter, value):
    class NoNumbers(BrokenCache):
        def __call__(self, **inputs):
            output = self.model(**inputs)
            if inputs.get("past_key_values") is not None:
                output.logits = output.logits.fill_(value)
            return output

    lm = candidate(prompter, CONFIGS["llama"]())
    found = certificate(CausalLM(NoNumbers(lm.model), prompter, "no numbers"))
    assert [check.name for check in found.warnings] == ["cached equals uncached"]
    assert dumps([check.value for check in found.checks])


def test_a_broken_cache_only_warns(prompter):
    lm = candidate(prompter, CONFIGS["llama"]())
    found = certificate(CausalLM(BrokenCache(lm.model), prompter, "broken cache"))
    assert found.verdict == "packed"
    assert [check.name for check in found.warnings] == ["cached equals uncached"]
    assert "warning, for other uses: not cached equals uncached" in found.reason
    assert "warning cached equals uncached" in explain(found)
