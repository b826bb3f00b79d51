"""One candidate and all it is given: what every unit of its work is made from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from emoloom import __version__
from emoloom.config import Config
from emoloom.contract.prompt import instruction_sha256
from emoloom.models.causal_lm import CausalLM
from emoloom.models.certificate import Certificate
from emoloom.records import LabelSpace
from emoloom.row_sets.shared import SharedRows
from emoloom.runs.directory import RunDirectory, Stage, fingerprint, sha256_file
from emoloom.runs.provenance import package_versions
from emoloom.runs.work import Meter
from emoloom.screening.candidates import Candidate, load, read_certificate, with_adapter
from emoloom.screening.extras import Extras
from emoloom.screening.recipe_settings import trains_heads
from emoloom.sources.model_files import ModelFiles
from emoloom.supervision.lexicon import Lexicon


@dataclass(frozen=True, slots=True)
class CandidateRun:
    """One candidate and all it is given."""

    candidate: Candidate
    model: ModelFiles
    config: Config
    run: RunDirectory
    space: LabelSpace
    lexicon: Lexicon
    rows: SharedRows
    extras: Extras = field(default_factory=Extras)
    say: Callable[[str], object] = lambda _text: None

    def stage(self, name: str, *inputs: object) -> Stage:
        """A stage of this candidate that depends on the model, the prompt and `inputs`."""
        shared = {
            "weights": self.model.weights_sha256,
            "tokenizer": self.model.tokenizer_sha256,
            "config": self.model.config_sha256,
            "instruction": instruction_sha256(self.space),
            "max_text_tokens": self.config.training.max_text_tokens,
            "threads": self.config.threads,
            "packages": package_versions(),
            "emoloom": __version__,
        }
        folder = self.run.candidate(self.candidate.name)
        return Stage(folder, name, fingerprint([name, shared, *inputs]))

    def folder(self, rung: int = 0) -> Path:
        """Where a training's checkpoint lies: the whole one's, or that of a rung, from 1."""
        whole = self.run.candidate(self.candidate.name)
        return whole / "rungs" / str(rung) if rung else whole

    def certificate(self) -> Certificate:
        """Of the base model, once that is certified."""
        return read_certificate(self.folder() / "preflight.json")

    def adapter_sha256(self, rung: int = 0) -> str:
        """Of the checkpoint; empty where nothing is trained."""
        path = self.folder(rung) / "checkpoint" / "adapter_model.safetensors"
        return sha256_file(path) if self.candidate.trained else ""

    def load(self, meter: Meter) -> CausalLM:
        """The base model, its forwards charged."""
        return load(self.model, self.config, self.space, meter.spend)

    def load_tuned(self, meter: Meter, rung: int = 0) -> CausalLM:
        """The model as it was trained, if it was."""
        lm = self.load(meter)
        return with_adapter(lm, self.folder(rung)) if self.candidate.trained else lm


def has_heads(job: CandidateRun) -> bool:
    """Whether the candidate's recipe trains heads, which then are a floor of their own."""
    return trains_heads(job.config, job.candidate.recipe)
