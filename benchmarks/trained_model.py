"""The trained model that the benchmarks decode with, and its rows."""

import sys
from dataclasses import dataclass
from pathlib import Path

from emoloom.config import load_config
from emoloom.corpora.labels import load_space
from emoloom.decoding.drafts import ContractDrafter, contract_drafter
from emoloom.engines.progress import PlainProgress
from emoloom.models.causal_lm import CausalLM
from emoloom.models.certificate import Certificate
from emoloom.pipeline import screen
from emoloom.records import Prediction, Row
from emoloom.row_sets.shared import read_row_sets
from emoloom.runs.directory import RunDirectory, sha256_file
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.candidates import list_candidates, load, read_certificate, with_adapter
from emoloom.screening.decode_inputs import draft_hints, taught_answers
from emoloom.sources.model_files import get_model
from emoloom.supervision.lexicon import load_lexicon

CONFIG = Path(__file__).with_name("trained.yaml")
LIMIT = 96


@dataclass(frozen=True)
class Trained:
    """A model, its rows, and what its drafts are made of."""

    lm: CausalLM
    certificate: Certificate
    rows: tuple[Row, ...]
    hints: dict[str, Prediction]
    taught: tuple[Prediction, ...]
    sha256: dict[str, str]
    """Of the model's weights and of the adapter."""

    def drafter(self) -> ContractDrafter:
        """A fresh one: drafters learn."""
        return contract_drafter(self.lm.prompter, self.hints, self.taught)


def trained(run_folder: Path, count: int, *, heads: bool = True, adapter: bool = True) -> Trained:
    """The model of a finished run and `count` of its rows, evenly spread.

    Without `heads` the drafts are those of a candidate that has none; without `adapter` the model
    is the base, which nobody taught anything.
    """
    config, run = load_config(CONFIG), RunDirectory(run_folder)
    space, lexicon = load_space(config.labels), load_lexicon(config.lexicon)
    sets = read_row_sets(run.root / "data", space)
    candidate = list_candidates(config)[0]
    files, folder = get_model(candidate.model), run.candidate(candidate.name)
    rows = sets.select[:: max(1, len(sets.select) // count)][:count]
    job = CandidateRun(candidate, files, config, run, space, lexicon, sets)
    base = load(files, config, space)
    return Trained(
        lm=with_adapter(base, folder) if adapter else base,
        certificate=read_certificate(folder / "preflight.json"),
        rows=rows,
        hints=draft_hints(job, rows, heads=heads) if adapter else {},
        taught=taught_answers(sets.train) if adapter else (),
        sha256={
            "model": files.weights_sha256,
            "adapter": sha256_file(folder / "checkpoint" / "adapter_model.safetensors"),
        },
    )


def train_if_missing(run_folder: Path) -> None:
    """Make the run where it is not there; a run that was cut goes on."""
    if not (run_folder / "leaderboard.json").is_file():
        print(
            f"{run_folder}: SmolLM2-135M is trained first (20 to 35 minutes on two cores)",
            file=sys.stderr,
            flush=True,
        )
        screen(CONFIG, run_folder, PlainProgress(sys.stderr))
