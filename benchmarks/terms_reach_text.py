"""Does each regulariser alone move what a trained SmolLM2 writes freely? One run, `--json FILE`.

    python benchmarks/terms_reach_text.py

The model of benchmarks/trained.yaml (made first where it is not there) is trained further on some
of its training rows by one term, every other term off, and answers the same rows before and after.
Required: RMSE of the written VAD down by 20% (`vad_preserving`), agreement of the atoms that the
written labels imply up (`appraisal`).
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from trained_model import CONFIG, LIMIT, Trained, train_if_missing, trained

from emoloom.config import load_config
from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.records import Appraisal, ParseFailure, Prediction, Row
from emoloom.row_sets.shared import SharedRows, read_row_sets
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.training_atoms import training_atoms
from emoloom.supervision.verifier_choice import TheoryRows, VerifierRequest, get_verifier
from emoloom.training.adapters import add_adapter
from emoloom.training.charts import make_charts
from emoloom.training.examples import Examples
from emoloom.training.fit import Training
from emoloom.training.label_means import label_means
from emoloom.training.schedule import FitSettings
from emoloom.training.terms import Reader, Weights

Answers = list[Prediction | ParseFailure]

REQUIRED_FALL = 0.2
"""Of the RMSE, by `vad_preserving` alone."""


def main() -> int:
    """Print a table; write it as JSON where asked; 1 where a requirement is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/trained"))
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=12, help="passes over the rows, 8 a step")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    train_if_missing(given.run)
    space = load_space(load_config(CONFIG).labels)
    sets = read_row_sets(given.run / "data", space)
    rows = [row for row in sets.train if row.answer.labels and row.answer.vad][: given.rows]
    request = VerifierRequest(None, None, None, None, None)
    fitted_on = TheoryRows(space, sets.train)
    verifier = get_verifier(request, print, fitted_on)
    appraised = training_atoms(verifier, request, fitted_on, sets.train)
    before = measure(answers(trained(given.run, 1), rows), rows, sets, appraised)
    table = {"before": before}
    print(line("before", before), flush=True)
    for term in ("vad_preserving", "appraisal"):
        model = trained(given.run, 1)
        settings = FitSettings(seed=1, epochs=given.epochs, learning_rate=given.learning_rate)
        by_one_term(model, rows, sets, appraised, term, settings)
        table[term] = measure(answers(model, rows), rows, sets, appraised)
        print(line(term, table[term]), flush=True)
    fall = 1 - table["vad_preserving"]["vad_rmse"] / before["vad_rmse"]
    gain = table["appraisal"]["atom_agreement"] - before["atom_agreement"]
    print(f"VAD RMSE down by {fall:.1%} (required 20%); atom agreement up by {gain:+.4f}")
    if given.json:
        used = {"rows": len(rows), "epochs": given.epochs, "learning_rate": given.learning_rate}
        given.json.write_text(json.dumps({"settings": used, **table}, indent=2) + "\n")
    return int(fall < REQUIRED_FALL or gain <= 0)


def answers(model: Trained, rows: Sequence[Row]) -> Answers:
    """What the model writes of its own accord; drafts change no byte of it."""
    taught = [Prediction(r.answer.labels, r.answer.vad, r.answer.rationale) for r in rows]  # type: ignore[arg-type]
    drafter = contract_drafter(model.lm.prompter, answers=taught)
    texts = [(row.id, row.text) for row in rows]
    settings = DecodeSettings(LIMIT)
    found = {
        one.id: one.output
        for one in decode_rows(model.lm, texts, model.certificate, settings, drafter)
    }
    return [parse_output(found[row.id], model.lm.prompter.space) for row in rows]


def by_one_term(
    model: Trained,
    rows: Sequence[Row],
    sets: SharedRows,
    appraised: Sequence[Appraisal],
    term: str,
    settings: FitSettings,
) -> None:
    """Train further by one term, in place."""
    lm = model.lm
    add_adapter(lm, settings)
    charts = make_charts(lm.prompter, sets.train, load_lexicon(), sets.scale, appraised)
    vad = rows[0].answer.vad
    assert vad is not None  # no row is without, so it fills no place
    atoms = atoms_of(rows, sets, appraised)
    examples = Examples(lm.prompter, rows, {}, vad, charts, atoms)
    weights = Weights(**{"lm": 0.0, term: 1.0})
    reader = Reader(weights, charts, None)
    training = Training(lm, examples, model.certificate.packed_up_to, settings, reader=reader)
    while not training.finished:
        training.step()


def atoms_of(
    rows: Sequence[Row], sets: SharedRows, appraised: Sequence[Appraisal]
) -> list[Appraisal]:
    """The atoms of some of the training rows."""
    of_row = dict(zip((row.id for row in sets.train), appraised, strict=True))
    return [of_row[row.id] for row in rows]


def measure(
    predicted: Answers, rows: Sequence[Row], sets: SharedRows, appraised: Sequence[Appraisal]
) -> dict[str, float]:
    """RMSE of the written VAD over parsed rows and strictly, and agreement of the atoms."""
    space = load_space(load_config(CONFIG).labels)
    values = np.array([one.as_tuple() for one in appraised])
    profile = label_means(sets.train, values, space.labels)
    atoms = atoms_of(rows, sets, appraised)
    squares, strict, gaps = [], [], []
    for one, row, wanted in zip(predicted, rows, atoms, strict=True):
        assert row.answer.vad is not None
        targets = row.answer.vad.as_tuple()
        if isinstance(one, ParseFailure):
            strict += [max(t, 1 - t) ** 2 for t in targets]
            continue
        here = [(v - t) ** 2 for v, t in zip(one.vad.as_tuple(), targets, strict=True)]
        squares += here
        strict += here
        implied = profile[[space.labels.index(label) for label in one.labels]].mean(axis=0)
        gaps += [abs(a - b) for a, b in zip(implied, wanted.as_tuple(), strict=True)]
    return {
        "parsed": float(sum(isinstance(one, Prediction) for one in predicted)),
        "vad_rmse": math.sqrt(math.fsum(squares) / max(1, len(squares))),
        "strict_vad_rmse": math.sqrt(math.fsum(strict) / len(strict)),
        "atom_agreement": 1 - math.fsum(gaps) / max(1, len(gaps)),
    }


def line(name: str, found: dict[str, float]) -> str:
    """One line of the table."""
    return f"{name:15}" + "  ".join(f"{key} {value:.4f}" for key, value in found.items())


if __name__ == "__main__":
    sys.exit(main())
