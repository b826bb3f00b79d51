"""A term of weight nought leaves no trace in SmolLM2's adapter."""

import pytest

from emoloom.config import load_config
from emoloom.corpora.labels import load_space
from emoloom.row_sets.shared import mean_human_vad, read_row_sets
from emoloom.runs.directory import RunDirectory
from emoloom.screening.candidates import list_candidates, load, read_certificate, with_adapter
from emoloom.sources.model_files import get_model
from emoloom.supervision.lexicon import load_lexicon
from emoloom.training.adapters import add_adapter, save_adapter
from emoloom.training.charts import make_charts
from emoloom.training.examples import Examples
from emoloom.training.fit import Training
from emoloom.training.schedule import FitSettings
from emoloom.training.terms import Reader, Weights


@pytest.mark.real
def test_weight_nought_is_the_term_absent(few_rows, tmp_path) -> None:
    """The same adapter of SmolLM2, byte for byte, after two steps."""
    config, run = load_config(few_rows.config), RunDirectory(few_rows.run)
    space = load_space(config.labels)
    sets = read_row_sets(run.root / "data", space)
    (candidate,) = (one for one in list_candidates(config) if one.recipe == "sft")
    folder, files = run.candidate(candidate.name), get_model(candidate.model)
    certificate = read_certificate(folder / "preflight.json")
    rows = [row for row in sets.train if row.answer.labels and row.answer.vad]
    written = []
    for name, charts_too in (("absent", False), ("nought", True)):
        lm = with_adapter(load(files, config, space), folder)
        settings = FitSettings(seed=1, epochs=2, batch_rows=2)
        wrapper = add_adapter(lm, settings)
        charts = (
            make_charts(lm.prompter, sets.train, load_lexicon(), sets.scale) if charts_too else None
        )
        examples = Examples(lm.prompter, rows[:2], {}, mean_human_vad(sets.train), charts)
        reader = Reader(Weights(), charts, None) if charts_too else None
        training = Training(lm, examples, certificate.packed_up_to, settings, reader=reader)
        while not training.finished:
            training.step()
        (tmp_path / name).mkdir()
        save_adapter(wrapper, tmp_path / name, "smollm2-135m")
        written.append((tmp_path / name / "adapter_model.safetensors").read_bytes())
    assert written[0] == written[1]
