"""The certificate as a record: what it holds, and that it comes back from JSON."""

import hashlib
import json
from types import SimpleNamespace

import pytest

from architectures import CONFIGS
from certified import (
    ANSWER,
    MAX_NEW_TOKENS,
    candidate,
    certificate,
)
from emoloom.models.causal_lm import CausalLM
from emoloom.models.certificate import Certificate
from emoloom.models.preflight import certify
from tiny_lm import make_tiny


@pytest.fixture(scope="module")
def prompter(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("preflight") / "model").prompter


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


def test_probing_with_nothing_is_our_own_mistake(prompter):
    lm = CausalLM(SimpleNamespace(), prompter, "none")
    with pytest.raises(AssertionError):
        certify(lm, [], [ANSWER], MAX_NEW_TOKENS)
