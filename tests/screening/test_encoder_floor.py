"""A frozen encoder as a floor: its answers from given vectors, its names, its inputs."""

from dataclasses import replace

import numpy as np
import pytest

from asked_rows import SPACE as ASKED
from emoloom.config import parse_config
from emoloom.contract.parse import parse_output
from emoloom.errors import UserError
from emoloom.records import VAD, Answer, LabelSpace, PartialVAD, Prediction, Row, VadSources
from emoloom.runs.directory import RunDirectory
from emoloom.screening.encoder_floor import (
    EncoderRun,
    encoder_outputs,
    encoder_work,
    list_encoders,
)
from emoloom.sources.model_files import get_model, parse_source
from tiny_encoder import write_tiny_bert
from tiny_screen import SETTINGS

SPACE = LabelSpace("three", ("joy", "fear", "neutral"))


def row(text, labels=None, vad=None, source="human", row_id="r") -> Row:
    return Row(row_id, text, Answer(labels, vad, ""), "own", "train", source if vad else None, text)


def vectors_of(*texts: str) -> dict[str, np.ndarray]:
    """A direction of its own for each first word, and a little of one for each text."""
    firsts = sorted({text.split()[0] for text in texts})
    made = {}
    for at, text in enumerate(texts):
        vector = np.zeros(len(firsts) + len(texts))
        vector[firsts.index(text.split()[0])] = 1.0
        vector[len(firsts) + at] = 0.1
        made[text] = vector / np.linalg.norm(vector)
    return made


def predicted(train, texts, vectors=None) -> list[Prediction]:
    vectors = vectors or vectors_of(*dict.fromkeys([*(one.text for one in train), *texts]))
    asked = [row(text, row_id=f"r{at}") for at, text in enumerate(texts)]
    outputs = encoder_outputs(train, SPACE, vectors, asked)
    assert [one.id for one in outputs] == [one.id for one in asked]
    found = [parse_output(one.output, SPACE) for one in outputs]
    assert all(isinstance(one, Prediction) for one in found)
    return found


TRAIN = [
    row("happy one", ("joy",), VAD(0.9, 0.6, 0.7)),
    row("happy two", ("joy",), VAD(0.8, 0.5, 0.6)),
    row("happy three", ("joy",), VAD(0.9, 0.5, 0.6)),
    row("scary one", ("fear",), VAD(0.1, 0.8, 0.2)),
    row("scary two", ("fear",), VAD(0.2, 0.7, 0.2)),
    row("calm one", None, VAD(0.5, 0.1, 0.5), "weak"),
]
ASK = ["happy day", "scary night"]


def test_near_vectors_have_near_answers():
    happy, scary = predicted(TRAIN, ASK)
    assert (happy.labels, scary.labels) == (("joy",), ("fear",))
    assert happy.vad.v > 0.6 > 0.4 > scary.vad.v
    assert scary.vad.a > happy.vad.a
    assert happy.rationale == "cues: none"


def test_each_dimension_is_fitted_on_the_rows_in_which_people_rated_it():
    sources = VadSources("human", "weak", "weak")
    vectors = vectors_of(*(one.text for one in TRAIN), *ASK)
    masked = [
        replace(one, answer=replace(one.answer, vad=PartialVAD(None, one.answer.vad.a, None)))
        if at % 2
        else replace(one, vad_source=sources)
        for at, one in enumerate(TRAIN[:5])
    ]
    got = predicted(masked, ASK, vectors)
    for axis, kept in ((0, (0, 2, 4)), (1, (1, 3))):
        alone = predicted([TRAIN[at] for at in kept], ASK, vectors)
        wanted = [one.vad.as_tuple()[axis] for one in alone]
        assert [one.vad.as_tuple()[axis] for one in got] == wanted
    # Nobody rated D: the mean of the weak ratings stands in, as the constant's does.
    assert {one.vad.d for one in got} == {0.5}  # (0.7 + 0.6 + 0.2) / 3


def test_what_cannot_be_fitted_is_the_constants():
    rated = [row("happy one", None, VAD(0.2, 0.4, 0.6))]
    labelled = [row("happy one", ("fear",))]
    assert {one.labels for one in predicted(rated, ASK)} == {("joy",)}
    assert {one.vad for one in predicted(labelled, ASK)} == {VAD(0.5, 0.5, 0.5)}
    assert predicted([], ASK) == [Prediction(("joy",), VAD(0.5, 0.5, 0.5), "cues: none")] * 2


def test_a_training_label_outside_the_space_is_a_user_error():
    with pytest.raises(UserError, match="got: anger; allowed: the labels of three"):
        encoder_outputs([row("x", ("anger",))], SPACE, vectors_of("x"), [])


def configured(*floors, models=SETTINGS["models"]):
    return parse_config({**SETTINGS, "models": models, "floors": list(floors)}, source="c")


def test_floors_are_named_by_their_source_or_as_told(tmp_path):
    folder = write_tiny_bert(tmp_path / "Own Bert")
    config = configured("minilm-l6", {"source": str(folder)}, {"source": str(folder), "name": "b"})
    found = list_encoders(config)
    assert [one.name for one in found] == ["minilm-l6", "own-bert", "b"]
    assert all(one.encoder for one in found)
    assert list_encoders(configured()) == ()


@pytest.mark.parametrize("name", ["tf-idf", "Constant", "one", "ONE", "one.sft", "one.probe"])
def test_a_name_that_is_taken_is_refused(name):
    with pytest.raises(UserError, match="a floor has a name that is taken; got: ") as error:
        list_encoders(configured({"source": "minilm-l6", "name": name}))
    assert "constant, lexicon, tf-idf" in str(error.value)


def test_two_floors_of_one_name_are_refused():
    with pytest.raises(UserError, match="name that is taken; got: minilm-l6"):
        list_encoders(configured("minilm-l6", "minilm-l6"))


@pytest.fixture
def job(tmp_path, rows) -> EncoderRun:
    source = parse_source(str(write_tiny_bert(tmp_path / "bert")), encoder=True)
    run = RunDirectory(tmp_path / "run")
    return EncoderRun(source, get_model(source), configured(), run, ASKED, rows)


def test_each_text_is_read_once(job):
    again = replace(job.rows.train[0], id="again")
    doubled = replace(job, rows=replace(job.rows, train=(*job.rows.train, again)))
    assert doubled.texts == job.texts
    assert len(set(job.texts)) == len(job.texts)
    assert {r.text for r in (*job.rows.train, *job.rows.all_asked)} == set(job.texts)


def test_its_inputs_are_encoder_rows_space_and_threads(job, tmp_path):
    def inputs(**changes) -> str:
        return encoder_work(replace(job, **changes)).stage.inputs

    first = inputs()
    assert inputs(run=RunDirectory(tmp_path / "elsewhere")) == first
    assert inputs(config=job.config.model_copy(update={"seed": 99})) == first
    others = [
        inputs(model=replace(job.model, weights_sha256="x")),
        inputs(model=replace(job.model, tokenizer_sha256="x")),
        inputs(rows=replace(job.rows, hashes={"train": "x", "select": "hs"})),
        inputs(space=SPACE),
        inputs(config=job.config.model_copy(update={"threads": 9})),
    ]
    assert len({first, *others}) == 6


def test_its_work_is_charged_counted_and_told(job):
    class Meter:
        units, tokens = 0, 0

        def __call__(self, count: int) -> None:
            self.units += count

        def spend(self, tokens: int) -> None:
            self.tokens += tokens

    meter, work = Meter(), encoder_work(job)
    assert (work.candidate, work.stage.name, work.budgeted) == ("bert", "select", True)
    outcome = work.make(meter)
    assert meter.units == work.units == len(job.texts)
    assert meter.tokens > 0
    assert outcome.counts["answers"] == len(job.rows.all_asked)
    assert outcome.made_on["threads"] == str(job.config.threads)
    assert all(path.is_file() for path in outcome.outputs)
