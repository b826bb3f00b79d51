"""The random two-layer model of `random:tiny`, rows for it, and a fast way to train it."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch

from emoloom.decoding.canonical import Decoded, decode_canonical
from emoloom.models.causal_lm import CausalLM, load_causal_lm
from emoloom.models.certificate import Certificate
from emoloom.models.preflight import certify
from emoloom.records import VAD, Answer, LabelSpace, Prediction, Row
from emoloom.sources.tiny import write_random_llama
from emoloom.training.adapters import add_adapter
from emoloom.training.examples import Example, make_example
from emoloom.training.fit import fit
from emoloom.training.schedule import FitSettings
from emoloom.training.target_proof import prove_targets

SPACE = LabelSpace("four", ("joy", "sadness", "anger", "neutral"))

EXAMPLE = '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love"}'

_WORDS = """\
I love this puppy miss my mother he lied to me again the meeting is on Tuesday cry scream at him
what a great time dog food house day friend good bad and not very 12 0.5 ! ? 😀"""

_TEXTS = (
    ("I love this puppy so much.", ("joy",), VAD(0.83, 0.55, 0.61), "cues: love, puppy"),
    ("I miss my mother.", ("sadness",), VAD(0.17, 0.41, 0.30), "cues: miss"),
    ("He lied to me again!", ("anger",), VAD(0.15, 0.78, 0.42), "cues: lied"),
    ("The meeting is on Tuesday.", ("neutral",), VAD(0.53, 0.36, 0.52), "cues: none"),
    ("I cry and scream at him.", ("sadness", "anger"), VAD(0.10, 0.70, 0.33), "cues: cry, scream"),
    ("What a great time!", ("joy",), VAD(0.91, 0.81, 0.70), "cues: great, time"),
)


def row(
    number: int,
    text: str,
    labels: tuple[str, ...] | None,
    vad: VAD | None,
    rationale: str = "cues: none",
) -> Row:
    """A row of a made-up corpus."""
    source = None if vad is None else "human"
    answer = Answer(labels, vad, rationale)
    return Row(f"r{number}", text, answer, "made-up", "train", source, f"g{number}")


def word_texts(count: int, seed: int) -> list[str]:
    """Texts of up to 14 words."""
    generator, words = random.Random(seed), _WORDS.split()
    return [" ".join(generator.choices(words, k=generator.randint(0, 14))) for _ in range(count)]


def train_rows() -> list[Row]:
    """A few rows that the tiny model can learn by heart."""
    return [row(number, *fields) for number, fields in enumerate(_TEXTS)]


def make_tiny(folder: Path, space: LabelSpace = SPACE, *, seed: int = 0) -> CausalLM:
    """The random model, written to a new folder and loaded from it."""
    torch.set_num_threads(1)
    write_random_llama(folder, seed)
    return load_causal_lm(folder, space, name="tiny", max_text_tokens=48)


def reload(folder: Path, space: LabelSpace = SPACE) -> CausalLM:
    """Another copy of a model that `make_tiny` wrote."""
    return load_causal_lm(folder, space, name="tiny", max_text_tokens=48)


def make_examples(lm: CausalLM, rows: list[Row]) -> list[Example]:
    """Proved training sequences."""
    examples = [
        make_example(lm.prompter, one, label="neutral", vad=VAD(0.5, 0.5, 0.5)) for one in rows
    ]
    prove_targets(lm.prompter, rows, examples)
    return examples


def varied_rows(count: int, seed: int = 5) -> list[Row]:
    """Rows whose answers have nothing to do with their texts: a model of them is never sure."""
    generator = random.Random(seed)
    cues = ("love", "lied", "cry", "scream", "great", "miss", "none")
    rows = []
    for number, text in enumerate(word_texts(count, seed)):
        chosen = sorted(generator.sample(range(len(SPACE.labels)), generator.choice([1, 1, 2])))
        labels = tuple(SPACE.labels[index] for index in chosen)
        vad = VAD(*(generator.randint(0, 100) / 100 for _ in range(3)))
        rationale = "cues: " + ", ".join(generator.sample(cues, generator.choice([1, 2])))
        rows.append(row(100 + number, text, labels, vad, rationale))
    return rows


def trained_tiny(folder: Path, rows: list[Row], epochs: int) -> CausalLM:
    """A tiny model that has learned the rows and writes contract lines; merged."""
    lm = make_tiny(folder)
    settings = FitSettings(seed=1, epochs=epochs, batch_rows=8, learning_rate=1e-2, lora_rank=16)
    wrapper = add_adapter(lm, settings)
    for _ in fit(lm, make_examples(lm, rows), 10_000, settings):
        pass
    merged = wrapper.merge_and_unload()
    merged.eval()
    merged.requires_grad_(False)
    return CausalLM(merged, lm.prompter, "tiny, trained")


@dataclass(frozen=True, slots=True)
class Reference:
    """Rows and their canonical answers, computed once for many comparisons."""

    lm: CausalLM
    certificate: Certificate
    rows: tuple[tuple[str, str], ...]
    max_new_tokens: int
    answers: dict[str, Decoded]


def reference(lm: CausalLM, texts: list[str], max_new_tokens: int) -> Reference:
    """Certify the model and decode every text canonically."""
    certificate = certify(lm, texts[:40], [EXAMPLE], max_new_tokens)
    assert certificate.verdict == "packed"
    rows = tuple((f"r{number}", text) for number, text in enumerate(texts))
    answers = {row_id: decode_canonical(lm, row_id, text, max_new_tokens) for row_id, text in rows}
    return Reference(lm, certificate, rows, max_new_tokens, answers)


def hint(row_id: str) -> Prediction:
    """Another predictor's answer, right or wrong: a function of the id alone."""
    labels = SPACE.labels[sum(map(ord, row_id)) % len(SPACE.labels)]
    return Prediction((labels,), VAD(0.83, 0.41, 0.6), "cues: love")
