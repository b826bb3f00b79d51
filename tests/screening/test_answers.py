import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import pytest

from asked_rows import CERTIFICATE, SPACE, row
from emoloom.config import Config, parse_config
from emoloom.decoding.verified import DecodeSettings
from emoloom.models.certificate import Certificate
from emoloom.models.logits import ModelError
from emoloom.planning.plan import make_plan
from emoloom.planning.stage_costs import packs_of
from emoloom.recipes import RECIPES
from emoloom.records import VAD, Answer
from emoloom.runs.directory import (
    RunDirectory,
    write_json_atomic,
)
from emoloom.screening import answers, candidate_run, candidates, training_work
from emoloom.screening.answers import candidate_work
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.candidates import list_candidates
from emoloom.screening.extras import Extras
from emoloom.screening.head_answers import SUFFIX, PackLimits, prompt_packs
from emoloom.screening.recipe_settings import fit_settings
from emoloom.screening.training_steps import TrainJob
from emoloom.screening.training_work import train_work, trial_works
from emoloom.sources.model_files import ModelFiles
from emoloom.training.schedule import EpochSampler, batches
from tiny_screen import SETTINGS

GOOD = '{"labels":["joy"],"vad":{"v":0.80,"a":0.50,"d":0.60},"rationale":"cues: none"}'


def config_with(**changes: object) -> Config:
    return parse_config({**SETTINGS, **changes}, source="test")


def files_of(**changes: object) -> ModelFiles:
    facts = {
        "folder": Path("nowhere"),
        "display_name": "a model",
        "licence": "MIT",
        "source": "random:tiny@1",
        "weights_sha256": "w",
        "tokenizer_sha256": "t",
        "config_sha256": "c",
        **changes,
    }
    return ModelFiles(**{field.name: facts.get(field.name) for field in fields(ModelFiles)})


@pytest.fixture
def job(tmp_path, rows, lexicon) -> CandidateRun:
    config = config_with()
    sft = list_candidates(config)[0]
    return CandidateRun(sft, files_of(), config, RunDirectory(tmp_path), SPACE, lexicon, rows)


def write_certificate(job: CandidateRun, certificate: Certificate = CERTIFICATE) -> None:
    folder = job.run.candidate(job.candidate.name)
    write_json_atomic(folder / "preflight.json", certificate.to_dict())
    (folder / "checkpoint").mkdir(exist_ok=True)
    (folder / "checkpoint" / "adapter_model.safetensors").write_bytes(b"adapter")


def stages_of(job: CandidateRun) -> dict[str, str]:
    write_certificate(job)
    return {work.stage.name: work.stage.inputs for work in candidate_work(job)}


def changed(job: CandidateRun, **changes: object) -> set[str]:
    """Stages whose inputs are others once the job is changed."""
    before, after = stages_of(job), stages_of(replace(job, **changes))
    assert list(before) == ["preflight", "train", "select"]
    return {name for name in before if before[name] != after[name]}


ALL = {"preflight", "train", "select"}


@pytest.mark.parametrize(
    ("settings", "stages"),
    [
        ({"seed": 9}, "train"),
        ({"threads": 7}, "preflight train select"),
        ({"training": {**SETTINGS["training"], "max_text_tokens": 99}}, "preflight train select"),
        ({"training": {**SETTINGS["training"], "learning_rate": 1e-4}}, "train"),
        ({"training": {**SETTINGS["training"], "epochs": 2}}, "train"),
        ({"training": {**SETTINGS["training"], "batch_rows": 3}}, "train"),
        ({"training": {**SETTINGS["training"], "lora_rank": 2}}, "train"),
        ({"training": {**SETTINGS["training"], "warmup_share": 0.5}}, "train"),
        ({"training": {**SETTINGS["training"], "decay_share": 0.5}}, "train"),
        ({"training": {**SETTINGS["training"], "pack_tokens": 999}}, ""),
        ({"decoding": {"max_new_tokens": 13}}, "preflight select"),
        ({"decoding": {"max_new_tokens": 12, "decoder": "canonical"}}, "select"),
        ({"decoding": {"max_new_tokens": 12, "pack_rows": 2, "pack_tokens": 99}}, ""),
        ({"zero_shot": {"rows": 1}}, ""),
        ({"ranking": {"bootstrap": 999}}, ""),
        ({"budget": {"wall_seconds": 5}}, ""),
        ({"name": "other"}, ""),
    ],
    ids=str,
)
def test_a_setting_redoes_what_it_can_change_and_no_more(job, settings, stages):
    assert changed(job, config=config_with(**settings)) == set(stages.split())


@pytest.mark.parametrize("key", ["weights_sha256", "tokenizer_sha256", "config_sha256"])
def test_other_model_files_redo_everything(job, key):
    assert changed(job, model=files_of(**{key: "other"})) == ALL


@pytest.mark.parametrize("key", ["folder", "display_name", "licence", "source"])
def test_where_a_model_lies_and_its_name_redo_nothing(job, key):
    value = Path("elsewhere") if key == "folder" else "other"
    assert changed(job, model=files_of(**{key: value})) == set()


def test_other_rows_redo_what_sees_them(job, rows):
    train = replace(rows, hashes={"train": "x", "select": "hs"})
    select = replace(rows, hashes={"train": "ht", "select": "x"})
    assert changed(job, rows=train) == {"preflight", "train"}
    assert changed(job, rows=select) == {"select"}


def test_another_label_space_redoes_everything(job):
    assert changed(job, space=replace(SPACE, labels=SPACE.labels[::-1])) == ALL


def test_another_adapter_or_certificate_redoes_the_answers(job):
    before = stages_of(job)
    folder = job.run.candidate(job.candidate.name)
    (folder / "checkpoint" / "adapter_model.safetensors").write_bytes(b"other")
    after = {work.stage.name: work.stage.inputs for work in candidate_work(job)}
    assert {name for name in ALL if before[name] != after[name]} == {"select"}
    write_certificate(job, replace(CERTIFICATE, tie_margin=0.5))
    after = {work.stage.name: work.stage.inputs for work in candidate_work(job)}
    assert {name for name in ALL if before[name] != after[name]} == {"select"}


def test_every_training_setting_is_in_the_fingerprint():
    """A new field of the trainer must not be forgotten between config and fingerprint."""
    settings = asdict(fit_settings(config_with(), "sft+probe"))
    training = config_with().training.model_dump()
    given = {name: training[name] for name in settings if name in training and name != "weights"}
    assert {name: settings[name] for name in given} == given
    # Rows, files and pools have inputs of their own; checkpoints change no byte.
    apart = {"max_text_tokens", "checkpoint_steps", "appraisal", "mirror_pairs", "mixture"}
    assert set(training) - set(settings) == apart | {"fields"}
    assert settings["weights"]["fields"] == training["fields"]
    plain = fit_settings(config_with(), "sft")
    assert (plain.weights.fields, plain.spreads, plain.cut) == (None, None, None)
    assert (plain.level, plain.distil) == (0, 0)
    whole = asdict(fit_settings(config_with(), "full-recipe"))["weights"]
    assert whole == {"lm": 1.0, "fields": None, **training["weights"]}
    assert {f.name for f in fields(DecodeSettings)} == {
        "max_new_tokens",
        "pack_rows",
        "pack_tokens",
        "first_rows",
        "partial",
    }


def test_zero_shot_is_not_trained_and_decodes_its_rows(job, rows):
    config = config_with(zero_shot={"rows": 3})
    zero = replace(job, candidate=list_candidates(config)[1], config=config)
    write_certificate(zero)
    works = list(candidate_work(zero))
    assert [work.stage.name for work in works] == ["preflight", "select"]
    assert works[1].units == 3
    fewer = replace(zero, config=config_with(zero_shot={"rows": 2}))
    assert list(candidate_work(fewer))[1].stage.inputs != works[1].stage.inputs


def test_the_plan_counts_what_the_work_counts(job, rows):
    config = config_with(zero_shot={"rows": 3}, training={"batch_rows": 4, "epochs": 3})
    chosen = list_candidates(config)
    plan = make_plan(config, chosen, rows, ())
    counted = []
    for candidate in chosen:
        one = replace(job, candidate=candidate, config=config)
        write_certificate(one)
        counted += [(w.stage.name, w.candidate, w.units) for w in candidate_work(one)]
    assert counted == [(s["stage"], s["candidate"], s["units"]) for s in plan["stages"]]
    assert ("train", "one.sft", 6) in counted
    assert (plan["train_rows"], plan["select_rows"]) == (6, 4)


def test_a_refused_model_goes_no_further(job):
    write_certificate(job, Certificate("refused", "NaN logits", 0, 0.0, 0, ()))
    works = candidate_work(job)
    assert next(works).stage.name == "preflight"
    with pytest.raises(ModelError, match="a model is refused: NaN logits"):
        next(works)


@dataclass
class Told:
    """A meter that remembers the units."""

    units: list[int]

    def __call__(self, count: int) -> None:
        self.units.append(count)

    def spend(self, tokens: int) -> None:
        pass


def test_a_certificate_is_measured_once_for_all_recipes(job, monkeypatch):
    measured = []

    def preflight(lm, train, config, out):
        measured.append(lm)
        write_json_atomic(out, CERTIFICATE.to_dict())

    monkeypatch.setattr(answers, "preflight", preflight)
    monkeypatch.setattr(candidate_run, "load", lambda *_: "model")
    (job.run.root / "candidates").mkdir()
    (job.run.root / "candidates" / "a file").touch()
    for candidate in list_candidates(job.config):
        advanced: list[int] = []
        work = next(candidate_work(replace(job, candidate=candidate)))
        outcome = work.make(Told(advanced))
        work.stage.finish(outcome.outputs)
        assert advanced == [1]
    assert measured == ["model"]
    other = replace(job, model=files_of(weights_sha256="other"))
    next(candidate_work(other)).make(Told([]))
    assert len(measured) == 2


def test_names_of_candidates_are_model_and_recipe():
    config = config_with(models=["random-tiny", {"source": "random:tiny@2", "name": "B"}])
    names = [candidate.name for candidate in list_candidates(config)]
    wanted = ["random-tiny.sft", "B.sft", "random-tiny.zero-shot", "B.zero-shot"]
    assert names == wanted, "what is only shown comes last"
    kinds = [candidate.kind for candidate in list_candidates(config)]
    assert kinds == ["candidate"] * 2 + ["shown"] * 2


def test_a_certificate_reads_back(tmp_path):
    write_json_atomic(tmp_path / "preflight.json", CERTIFICATE.to_dict())
    assert candidates.read_certificate(tmp_path / "preflight.json") == CERTIFICATE
    assert json.loads((tmp_path / "preflight.json").read_text(encoding="utf-8"))["checks"]


def test_the_plan_of_every_recipe_counts_what_the_work_counts(job, rows):
    """Flipped rows make more steps, heads answer as a floor of their own."""
    flips = tuple(replace(row(n), id=f"f{n}") for n in range(20, 26))
    config = config_with(recipes=[name for name in RECIPES if name != "sft+appraisal"])
    config = config.model_copy(
        update={"training": config.training.model_copy(update={"batch_rows": 4})}
    )
    chosen = list_candidates(config)
    plan = make_plan(config, chosen, rows, flips)
    counted = []
    for candidate in chosen:
        extras = Extras(flips, None, {"flips": "hf", "atoms": "ha"})
        one = replace(job, candidate=candidate, config=config, extras=extras)
        write_certificate(one)
        counted += [(w.stage.name, w.candidate, w.units) for w in candidate_work(one)]
    assert counted == [(s["stage"], s["candidate"], s["units"]) for s in plan["stages"]]
    assert ("train", "one.sft", 2) in counted
    assert ("train", "one.sft+flip", 3) in counted
    assert ("select", "one.full-recipe.head", 4) in counted


def test_the_plan_counts_what_is_measured_besides(job, rows):
    """Of 60 labelled rows 6 are held out and measured after step 10 of 15; 5 decide a trial."""
    rows = replace(rows, train=tuple(row(n) for n in range(60)))
    trials = {"learning_rates": [1e-3], "rows": 5}
    training = {**SETTINGS["training"], "batch_rows": 4}
    config = config_with(recipes=["sft", "sft+mixture"], trials=trials, training=training)
    stages = make_plan(config, list_candidates(config), rows, ())["stages"]
    measured = {(s["candidate"], s["stage"]): s.get("measured_rows", 0) for s in stages}
    assert measured["one.sft", "train"] == 0
    assert measured["one.sft+mixture", "train"] == 6
    assert measured["one.sft", "rate-1"] == 5
    assert measured["one.sft+mixture", "rate-1"] == 5 + 6


@pytest.mark.parametrize(
    ("recipe", "setting"),
    [
        ("sft+vad", {"weights": {"vad_preserving": 0.7}}),
        ("sft+heads", {"weights": {"labels": 0.7}}),
        ("sft+appraisal", {"weights": {"appraisal": 0.7}}),
        ("sft+mixture", {"mixture": {"tau0": 2.0}}),
        ("sft+focus", {"fields": {"labels": 0.7}}),
        ("sft+focus", {"spreads": {"human": 0.07}}),
        ("sft+focus", {"cut": {"labels": 0.1}}),
        ("sft+focus", {"level": 0.25}),
        ("sft+probe", {"distil": 0.25}),
        ("sft", {"dtype": "bfloat16"}),
    ],
)
def test_a_setting_of_a_recipe_redoes_its_training_and_no_other(job, recipe, setting):
    extras = Extras((), None, {"flips": "hf", "atoms": "ha"})
    for name in RECIPES:
        plain = config_with(recipes=[name])
        other = config_with(recipes=[name], training={**SETTINGS["training"], **setting})
        one = replace(job, candidate=list_candidates(plain)[0], config=plain, extras=extras)
        write_certificate(one)
        before = {w.candidate + w.stage.name: w.stage.inputs for w in candidate_work(one)}
        changed_config = replace(one, config=other)
        after = {w.candidate + w.stage.name: w.stage.inputs for w in candidate_work(changed_config)}
        redone = {key.removeprefix(f"one.{name}") for key in before if before[key] != after[key]}
        hit = recipe == "sft" or RECIPES[recipe] <= RECIPES[name]
        assert redone == ({"train"} if hit else set()), name


@pytest.mark.parametrize(
    ("recipe", "trained", "steps"),
    [("sft", 4, 1), ("sft", 5, 2), ("sft", 6, 2), ("sft+flip", 4, 2), ("sft+flip", 5, 3)],
)
def test_the_plan_and_the_run_take_the_same_steps_for_a_trial(
    job, rows, recipe, trained, steps, monkeypatch
):
    """Some rows decide, so a trial of the whole length has fewer rows to train on, and goes on with
    them: 5 need 2 steps and leave 4 for one.
    """
    rows = replace(rows, train=tuple(row(n) for n in range(trained)))
    flips = tuple(replace(one, id=f"{one.id}-flip") for one in rows.train)
    trials = {"learning_rates": [1e-3], "share": 1.0, "rows": 2}
    config = config_with(recipes=[recipe], trials=trials, seeds=[7])
    (candidate,) = list_candidates(config)
    stages = make_plan(config, (candidate,), rows, flips)["stages"]
    seeded = config.model_copy(update={"seed": candidate.seed})
    extras = Extras(flips, None, {"flips": "hf"})
    one = replace(job, candidate=candidate, config=seeded, rows=rows, extras=extras)
    write_certificate(one)
    (work,) = trial_works(one)
    given: list[TrainJob] = []
    monkeypatch.setattr(CandidateRun, "load", lambda *_: None)
    monkeypatch.setattr(training_work, "try_rate", lambda _, task, *__: given.append(task))
    work.make(Told([]))
    (task,) = given
    sampler = EpochSampler(tuple(batches(len(task.rows), task.settings)))
    assert task.end == steps <= sampler.steps
    assert {r.group for r in task.rows}.isdisjoint(r.group for r in task.held_out)
    (planned,) = [s for s in stages if s["stage"] == "rate-1"]
    assert planned["units"] == work.units == steps


def test_a_training_is_given_the_likely_label_of_each_row_without(job, rows, monkeypatch):
    joys = tuple(row(n) for n in range(5))
    bad = Answer(("anger",), VAD(0.1, 0.8, 0.3), "")
    angers = tuple(replace(row(n), text=f"a bad day {n}", answer=bad) for n in range(5, 8))
    bare = Answer(None, VAD(0.5, 0.5, 0.5), "")
    rated = tuple(
        replace(row(20 + n), text=text, answer=bare)
        for n, text in enumerate(("a bad day", "a text", "zzz"))
    )
    one = replace(job, rows=replace(rows, train=(*joys, *angers, *rated)))
    write_certificate(one)
    given = []
    monkeypatch.setattr(CandidateRun, "load", lambda *_: None)
    monkeypatch.setattr(training_work, "train", lambda _, task, *__: given.append(task) or {})
    monkeypatch.setattr(training_work, "device_facts", lambda _: {})
    train_work(one).make(Told([]))
    assert given[0].fill_labels == {"a/20": "anger", "a/21": "joy", "a/22": "joy"}


@pytest.mark.parametrize("pack_tokens", [64, 300, 1200, 5000])
def test_the_heads_and_their_forecast_fill_the_same_packs(job, rows, pack_tokens, monkeypatch):
    training = {**SETTINGS["training"], "pack_tokens": pack_tokens}
    config = config_with(recipes=["sft+heads"], training=training)
    (candidate,) = list_candidates(config)
    one = replace(job, candidate=candidate, config=config)
    write_certificate(one)
    given = []
    monkeypatch.setattr(answers, "head_outputs", lambda *args: given.extend(args) or [])
    monkeypatch.setattr(answers, "write_parts", lambda *_: ())
    monkeypatch.setattr(answers, "device_facts", lambda _: {})
    monkeypatch.setattr(CandidateRun, "load_tuned", lambda *_: None)
    (work,) = [w for w in candidate_work(one) if w.candidate.endswith(SUFFIX)]
    work.make(Told([]))
    (limits,) = [arg for arg in given if isinstance(arg, PackLimits)]
    assert limits == PackLimits(pack_tokens, CERTIFICATE.packed_up_to)
    packs = prompt_packs([range(20)] * 97, 40, limits)
    assert [k for pack in packs for k in pack] == list(range(97))
    assert len(packs) == packs_of(97, 20, 40, pack_tokens)
