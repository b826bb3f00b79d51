"""The cache of answers that a candidate may use: none, unless the config switches it on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from emoloom.models.causal_lm import CausalLM
from emoloom.models.certificate import Certificate
from emoloom.models.device import device_facts
from emoloom.runs.directory import fingerprint
from emoloom.runs.provenance import code_sha256, machine, package_versions
from emoloom.screening.answer_cache import MEGABYTE, AnswerCache, AnswerFacts, answers_folder

if TYPE_CHECKING:
    from emoloom.screening.candidate_run import CandidateRun


def answer_cache(
    job: "CandidateRun",
    lm: CausalLM,
    adapter: str,
    certificate: Certificate,
    dtype: str,
    folder: Path | None = None,
) -> AnswerCache | None:
    """The answers that this very model gave before, in this very way, on a machine of this kind.

    Args:
        job: candidate and config.
        lm: the model as it is decoded.
        adapter: sha256 of its adapter, or empty.
        certificate: of the base model.
        dtype: in which it is decoded, whatever the config asks for.
        folder: where answers are kept; None for the user's cache.

    Returns:
        None where the config has `cache.answers` off.
    """
    if not job.config.cache.answers:
        return None
    facts = _facts(job, device_facts(lm), adapter, certificate, dtype)
    most = job.config.cache.max_mb * MEGABYTE
    return AnswerCache(facts, most, job.say, folder or answers_folder())


def _facts(
    job: "CandidateRun",
    device: Mapping[str, str],
    adapter: str,
    certificate: Certificate,
    dtype: str,
) -> AnswerFacts:
    config, here = job.config, machine()
    return AnswerFacts(
        weights=job.model.weights_sha256,
        adapter=adapter,
        tokenizer=job.model.tokenizer_sha256,
        model_config=job.model.config_sha256,
        prompt=(certificate.prompt_head_sha256, certificate.prompt_tail),
        max_text_tokens=config.training.max_text_tokens,
        decoder=config.decoding.decoder,
        max_new_tokens=config.decoding.max_new_tokens,
        partial=config.decoding.partial,
        certificate=fingerprint(certificate.to_dict()),
        dtype=dtype,
        code=code_sha256(),
        packages=tuple(sorted(package_versions().items())),
        threads=config.threads,
        device=(device["device"], device["kind"], here["system"], here["architecture"]),
    )
