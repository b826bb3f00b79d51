"""What an encoder floor takes on this machine, measured for seconds on a few of its texts."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from emoloom.models.encoder import BATCH, Encoder, embed, encode
from emoloom.models.logits import ModelError
from emoloom.models.memory import peak_mb, reset_peak, resident_mb
from emoloom.planning.probe import SAMPLE, spaced, steady, timed
from emoloom.planning.probe_record import PROBE, Probe
from emoloom.runs.work import Meter, Outcome, Work
from emoloom.screening.encoder_floor import EncoderRun


def encoder_probe_work(job: EncoderRun) -> Work:
    """Measure an encoder. The figures are costs: no file holds them but costs.json."""

    def make(meter: Meter) -> Outcome:
        try:
            load_seconds, encoder = timed(lambda: job.load(meter))
            probe = measure(encoder, job.texts, load_seconds)
        except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
            # What is wrong with it is for its own stage to say.
            raise ModelError(" ".join(str(error).split()) or repr(error)) from error
        meter(1)
        return Outcome((), {}, {k: round(v, 9) for k, v in asdict(probe).items()})

    return Work(job.stage(PROBE, job.rows.hashes["train"]), job.name, 1, "model", make)


def measure(encoder: Encoder, texts: Sequence[str], load_seconds: float) -> Probe:
    """One batch of texts of like length, as the floor reads them.

    Args:
        encoder: as `load_encoder` gives it.
        texts: all that it will read, at least one.
        load_seconds: what loading it took.

    Returns:
        `pack_seconds` for a position, `prompt_tokens` of a text, and memory; nothing is trained, so
        the rest is 0.
    """
    sample = [texts[index] for index in spaced(len(texts), SAMPLE)]
    lengths = [len(ids) for ids in encode(encoder, sample)[0]]
    order = sorted(range(len(sample)), key=lambda index: lengths[index])
    middle = max(0, len(order) // 2 - BATCH // 2)
    batch = [sample[index] for index in order[middle : middle + BATCH]]
    positions: list[int] = []
    counted = replace(encoder, spend=positions.append)
    reset_peak()
    loaded = resident_mb(encoder.device)
    seconds = steady(lambda: embed(counted, batch))
    nothing = dict.fromkeys(Probe.__dataclass_fields__, 0.0)
    known = {
        "load_seconds": load_seconds,
        "pack_seconds": seconds / positions[0],
        "prompt_tokens": sum(lengths) / len(lengths),
        "loaded_mb": loaded,
        "forward_mb": max(0.0, peak_mb(encoder.device) - loaded),
        "forward_probe_tokens": float(positions[0]),
    }
    return Probe(**nothing | known)
