"""The certificate: `packed` where packing is exact and no further, and a reason where it is not."""

import hashlib
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from architectures import CONFIGS, OTHER_CONFIGS, tiny_model
from emoloom.contract.prompt import make_prompter
from emoloom.models import comparisons
from emoloom.models.causal_lm import CausalLM, full_forward, packed_forward, ready
from emoloom.models.certificate import Certificate, Check, explain
from emoloom.models.logits import Logits
from emoloom.models.packing import make_pack
from emoloom.models.preflight import MIN_POSITIONS, TIE_FACTOR, certify
from small_tokenizers import CHATML, byte_level, fast
from tiny_lm import SPACE, make_tiny

TEXTS = ("I love this puppy so much.", "What a terrible day.", "The meeting is on Tuesday at ten.")
ANSWER = '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}'
MAX_NEW_TOKENS = 40


@pytest.fixture(scope="module")
def prompter(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("preflight") / "model").prompter


def candidate(prompter, config, **changes) -> CausalLM:
    config.vocab_size = len(prompter.tokenizer)
    for name, value in changes.items():
        setattr(config, name, value)
    return ready(tiny_model(config), prompter, config.model_type)


def longest_row(prompter) -> int:
    """Head, longest text, tail and longest answer, in tokens."""
    text = prompter.max_text_tokens + len(prompter.tail_ids)
    return len(prompter.head_ids) + text + MAX_NEW_TOKENS


def packing_check(found: Certificate) -> Check:
    (check,) = [check for check in found.checks if check.name.startswith("packed")]
    return check


def spelled(logits_KV: torch.Tensor) -> Logits:
    return Logits(logits_KV, None, "changed")


def certificate(lm: CausalLM) -> Certificate:
    return certify(lm, TEXTS, [ANSWER], MAX_NEW_TOKENS)


@pytest.mark.parametrize("architecture", sorted(CONFIGS))
def test_an_ordinary_model_is_packed_up_to_the_longest_row(prompter, architecture):
    found = certificate(candidate(prompter, CONFIGS[architecture]()))
    assert found.verdict == "packed"
    assert found.packed_up_to == longest_row(prompter)
    assert found.positions >= MIN_POSITIONS
    assert 0 < found.tie_margin < 1e-2
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


class FullAttention:
    """A Llama whose every token sees the whole sequence."""

    def __init__(self, model):
        self.model, self.config, self.device = model, model.config, model.device

    def __call__(self, **inputs):
        size = inputs["input_ids"].shape[1]
        inputs.setdefault("attention_mask", torch.zeros(1, 1, size, size))
        return self.model(**inputs)


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


def test_infinite_packed_logits_are_not_exact(prompter, monkeypatch):
    def infinite(lm, pack, positions):
        return spelled(packed_forward(lm, pack, positions).whole() * float("inf"))

    monkeypatch.setattr(comparisons, "packed_forward", infinite)
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    assert found.verdict == "canonical only"


def test_an_error_at_one_length_shortens_the_certificate(prompter, monkeypatch):
    """Rows above a length are wrong when packed: the length is halved until none is."""
    head = len(prompter.head_ids)

    def wrong_behind(lm, pack, positions):
        logits_KV = packed_forward(lm, pack, positions).whole()
        where = pack.positions_1T[0, list(positions)]
        logits_KV[where >= head + 30] += 1.0
        return spelled(logits_KV)

    monkeypatch.setattr(comparisons, "packed_forward", wrong_behind)
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    row = longest_row(prompter) - head
    halves = [row // 2**k for k in range(8)]
    assert found.verdict == "packed"
    assert found.packed_up_to == head + max(half for half in halves if half <= 30)


def test_the_margin_is_eight_times_the_largest_top_eight_error(prompter, monkeypatch):
    """A known error in one logit difference; measured against logits computed apart."""
    added = 3e-4

    def shifted(lm, pack, positions):
        logits_KV = packed_forward(lm, pack, positions).whole()
        runner_up = logits_KV[11].topk(2).indices[1]
        logits_KV[11, runner_up] += added
        return spelled(logits_KV)

    monkeypatch.setattr(comparisons, "packed_forward", shifted)
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    assert TIE_FACTOR == 8
    assert found.tie_margin == pytest.approx(8 * added, rel=0.2)


def test_a_shift_of_all_logits_is_no_margin(prompter, monkeypatch):
    """Only differences between logits can change an argmax."""

    def shifted(lm, pack, positions):
        return spelled(packed_forward(lm, pack, positions).whole() + 3e-4)

    monkeypatch.setattr(comparisons, "packed_forward", shifted)
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    assert found.tie_margin < 8 * 3e-5
    assert packing_check(found).value > 2e-4


def test_a_certificate_comes_back_from_json(prompter):
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    assert Certificate.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_certificate_holds_the_prompt_verbatim(prompter):
    found = certificate(candidate(prompter, CONFIGS["llama"]()))
    assert found.prompt_head.startswith("<|im_start|>user\nLabel the emotions of the text")
    assert found.prompt_head.endswith("\nText:")
    assert found.prompt_tail == "<|im_end|>\n<|im_start|>assistant\n"
    assert found.system_turn == ""
    head = found.prompt_head.encode("utf-8")
    assert found.prompt_head_sha256 == hashlib.sha256(head).hexdigest()


def test_a_certificate_from_before_the_prompt_was_recorded_is_read(prompter):
    found = certificate(candidate(prompter, CONFIGS["llama"]())).to_dict()
    for name in ("prompt_head", "prompt_head_sha256", "prompt_tail", "system_turn"):
        del found[name]
    read = Certificate.from_dict(found)
    assert (read.prompt_head, read.system_turn, read.verdict) == ("", "", "packed")


def test_a_certificate_is_the_same_twice(prompter):
    lm = candidate(prompter, CONFIGS["qwen2"]())
    assert certificate(lm) == certificate(lm)


def test_the_longest_certified_row_really_is_exact(prompter):
    """Own rows at exactly the certified length, in one pack."""
    lm = candidate(prompter, CONFIGS["llama"]())
    found = certificate(lm)
    head = prompter.head_ids
    generator = torch.Generator().manual_seed(3)
    size = (2, found.packed_up_to - len(head))
    rows = torch.randint(3, len(prompter.tokenizer), size, generator=generator).tolist()
    pack = make_pack(head, rows, device=torch.device("cpu"))
    with torch.no_grad():
        packed_KV = packed_forward(lm, pack, [s + size[1] - 1 for s in pack.starts]).whole()
    for row, logits_V in zip(rows, packed_KV, strict=True):
        single_KV = full_forward(lm, [*head, *row], [found.packed_up_to - 1]).whole()
        assert (single_KV[0] - logits_V).abs().max() <= packing_check(found).limit


def test_probing_with_nothing_is_our_own_mistake(prompter):
    lm = CausalLM(SimpleNamespace(), prompter, "none")
    with pytest.raises(AssertionError):
        certify(lm, [], [ANSWER], MAX_NEW_TOKENS)


class BrokenCache(FullAttention):
    """A Llama that says something else as soon as it reads a cache."""

    def __call__(self, **inputs):
        output = self.model(**inputs)
        if inputs.get("past_key_values") is not None:
            output.logits = output.logits.flip(-1)
        return output

    def forward(self, input_ids, attention_mask=None, position_ids=None): ...


def test_a_broken_cache_only_warns(prompter):
    lm = candidate(prompter, CONFIGS["llama"]())
    found = certificate(CausalLM(BrokenCache(lm.model), prompter, "broken cache"))
    assert found.verdict == "packed"
    assert [check.name for check in found.warnings] == ["cached equals uncached"]
    assert "warning, for other uses: not cached equals uncached" in found.reason
    assert "warning cached equals uncached" in explain(found)
