"""The near-tie margin of the model that is decoded, where the certificate is of another."""

from dataclasses import replace

from emoloom.contract.schema import write_answer
from emoloom.models.causal_lm import CausalLM
from emoloom.models.margin import PackSizes, measure_margin
from emoloom.records import VAD, Prediction
from emoloom.screening.decode_job import DecodeJob
from emoloom.sizes import PROBE_ANSWERS


def with_own_margin(lm: CausalLM, job: DecodeJob) -> tuple[DecodeJob, dict[str, float]]:
    """The job with a margin that holds for this very model, and what that is made of.

    Args:
        lm: the model that is decoded.
        job: rows and settings; the margin is measured in packs of its sizes.

    Raises:
        ModelError: memory does not suffice for two rows.
    """
    certified = job.certificate.tie_margin
    costs = {"certified_margin": certified, "tuned_margin": 0.0, "margin_forwards": 0}
    packed = job.certificate.verdict == "packed" and not job.canonical
    if not packed or not job.rows or not job.measured:
        return job, costs
    label = lm.prompter.space.labels[-1]
    plain = Prediction((label,), VAD(0.5, 0.5, 0.5), "cues: none")
    answers = [write_answer(answer) for answer in job.taught[:PROBE_ANSWERS] or (plain,)]
    settings, longest = job.settings, job.certificate.packed_up_to
    sizes = PackSizes(
        settings.max_new_tokens, settings.pack_rows, settings.pack_tokens, packed_up_to=longest
    )
    found = measure_margin(lm, [row.text for row in job.rows], answers, sizes)
    wider = replace(job.certificate, tie_margin=max(certified, found.value))
    costs |= {"tuned_margin": found.value, "margin_forwards": found.forwards}
    return replace(job, certificate=wider), costs
