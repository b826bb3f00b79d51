"""The certificate: which models are refused or never packed, and the reason it gives."""

from dataclasses import replace

import pytest
import torch

from architectures import CONFIGS, OTHER_CONFIGS
from certified import FullAttention, candidate, certificate, longest_row
from emoloom.contract.prompt import make_prompter
from emoloom.models.causal_lm import CausalLM
from small_tokenizers import CHATML, byte_level, fast
from tiny_lm import SPACE, make_tiny


@pytest.fixture(scope="module")
def prompter(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("preflight") / "model").prompter


def test_a_model_that_looks_ahead_is_refused(prompter):
    lm = candidate(prompter, CONFIGS["llama"]())
    found = certificate(CausalLM(FullAttention(lm.model), prompter, "full attention"))
    assert found.verdict == "refused"
    assert "not a causal model" in found.reason
    assert found.packed_up_to == 0
    assert [check.name for check in found.checks if not check.passed] == ["causality"]


class OneTokenAhead(FullAttention):
    """Each token sees just one later token."""

    def __call__(self, **inputs):
        size = inputs["input_ids"].shape[1]
        hidden = torch.full((size, size), torch.finfo(torch.float32).min)
        inputs.setdefault("attention_mask", torch.triu(hidden, diagonal=2)[None, None])
        return self.model(**inputs)


def test_a_model_that_looks_one_token_ahead_is_refused(prompter):
    lm = candidate(prompter, CONFIGS["llama"]())
    found = certificate(CausalLM(OneTokenAhead(lm.model), prompter, "one ahead"))
    assert found.verdict == "refused"


def test_nan_weights_are_refused(prompter):
    lm = candidate(prompter, CONFIGS["llama"]())
    with torch.no_grad():
        next(lm.model.parameters())[5] = float("nan")
        lm.model.lm_head.weight[7, 0] = float("nan")
    found = certificate(lm)
    assert found.verdict == "refused"
    assert "NaN" in found.reason
    assert [check.name for check in found.checks if not check.passed] == ["no NaN"]


CHANCE = "{{ [1, 2, 3, 4, 5, 6] | random }}" * 12


@pytest.mark.parametrize("template", [CHANCE + CHATML, CHATML + CHANCE])
def test_a_template_that_renders_differently_each_time_is_refused(template):
    unstable = make_prompter(fast(byte_level(), template=template), SPACE)
    found = certificate(candidate(unstable, CONFIGS["llama"]()))
    assert found.verdict == "refused"
    assert "renders differently" in found.reason
    (failed,) = [check for check in found.checks if not check.passed]
    assert failed.name == "template stable"
    assert failed.value > failed.limit == 0


def test_an_end_token_that_the_model_has_no_logit_for_is_refused(prompter):
    lm = candidate(prompter, CONFIGS["llama"]())
    end = lm.model.config.vocab_size
    found = certificate(CausalLM(lm.model, replace(prompter, end_id=end), "endless"))
    assert found.verdict == "refused"
    assert f"end token, id {end}" in found.reason
    assert [check.name for check in found.checks if not check.passed] == ["end token known"]
    last = certificate(CausalLM(lm.model, replace(prompter, end_id=end - 1), "last"))
    assert last.verdict == "packed"


@pytest.mark.parametrize("architecture", ["bloom", "mamba", "falcon-alibi", "rwkv"])
def test_models_without_positions_or_masks_are_canonical_only(prompter, architecture):
    found = certificate(candidate(prompter, OTHER_CONFIGS[architecture]()))
    assert found.verdict == "canonical only"
    assert found.packed_up_to == 0
    assert "packed rows" in found.reason
    assert "\n" not in found.reason


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_context_shorter_than_the_longest_row_is_refused(prompter, architecture):
    context = longest_row(prompter) - 1
    name = "n_positions" if architecture == "gpt2" else "max_position_embeddings"
    found = certificate(candidate(prompter, CONFIGS[architecture](), **{name: context}))
    assert found.verdict == "refused"
    assert f"{context} tokens" in found.reason
    exact = certificate(candidate(prompter, CONFIGS[architecture](), **{name: context + 1}))
    assert exact.verdict == "packed"
