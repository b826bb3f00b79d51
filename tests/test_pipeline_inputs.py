"""A run whose inputs were changed in place: refused before a byte is written, unless accepted."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from emoloom.auditing.facts import run_identity
from emoloom.config import load_config
from emoloom.sources.model_files import get_model, parse_source
from tiny_screen import (
    SETTINGS,
    Watch,
    assert_user_error,
    call,
    lines_of,
    run_screen,
    tree,
    write_config,
)

pytestmark = pytest.mark.usefixtures("own_cache")

SHIPPED = Path(__file__).resolve().parents[1] / "src/emoloom/data"


@dataclass(frozen=True)
class OwnRun:
    """A finished run of files of one's own, and the folder where they lie."""

    config: Path
    folder: Path

    @property
    def files(self) -> Path:
        return self.config.parent


def own_files(folder: Path) -> Path:
    """Every kind of input as a file, and the config that names them."""
    folder.mkdir()
    shutil.copytree(get_model(parse_source("random:tiny@1")).folder, folder / "model")
    shutil.copy(SHIPPED / "lexicon/glasgow-actdata.tsv", folder / "words.tsv")
    shutil.copy(SHIPPED / "label_spaces/goemotions28.json", folder / "space.json")
    shutil.copy(SHIPPED / "mirror_pairs/goemotions28.tsv", folder / "pairs.tsv")
    shutil.copy(SHIPPED / "theory/goemotions28.json", folder / "theory.json")
    lines = [f"so happy {n} today,joy" if n % 2 else f"so sad {n} today,sadness" for n in range(8)]
    (folder / "mine.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    own = {"file": str(folder / "mine.csv"), "mapping": {"text": "text", "labels": "label"}}
    data = SETTINGS["data"] | {"train": [own, *SETTINGS["data"]["train"]]}
    training = SETTINGS["training"] | {
        "mirror_pairs": str(folder / "pairs.tsv"),
        "appraisal": {"theory": str(folder / "theory.json")},
    }
    return write_config(
        folder / "c.yaml",
        data=data,
        training=training,
        recipes=["full-recipe"],
        labels=str(folder / "space.json"),
        lexicon=str(folder / "words.tsv"),
        models=[{"source": str(folder / "model"), "name": "own"}],
        polarity={"pairs": 1},
    )


@pytest.fixture(scope="module")
def once(tmp_path_factory, shared_cache) -> OwnRun:
    """Shared: never write into it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(shared_cache))
        config = own_files(tmp_path_factory.mktemp("own") / "files")
        run_screen(config, config.parent.parent / "run")
    return OwnRun(config, config.parent.parent / "run")


def made_from(folder: Path) -> tuple[str, dict[str, str]]:
    """The hash over all results, and those of the inputs."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return manifest["predicate"]["results_sha256"], manifest["predicate"]["inputs"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


CHANGES = {
    "mine.csv": ("mine.csv", b"so glad today,joy\n"),
    "mine.csv, a line that is rejected": ("mine.csv", b"so odd today,no-such-label\n"),
    "lexicon words.tsv": ("words.tsv", b"\n"),
    "label space space.json": ("space.json", b"\n"),
    "pairs.tsv (training.mirror_pairs)": ("pairs.tsv", b"\n"),
    "theory.json (training.appraisal.theory)": ("theory.json", b"\n"),
    "tokenizer of model own": ("model/tokenizer.json", b"\n"),
    "config of model own": ("model/config.json", b"\n"),
}
"""Name of the input, its file, and what is written at the file's end."""


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_input_is_refused_with_both_hashes_before_anything_is_written(once, name):
    file, added = CHANGES[name]
    path, before = once.files / file, tree(once.folder)
    kept = path.read_bytes()
    try:
        path.write_bytes(kept + added)
        called = call("screen", once.config, "--out", once.folder)
        shown = name.partition(",")[0]
        if not shown.endswith("of model own"):  # of a model the hash is over several files
            shown += f": {hashlib.sha256(kept).hexdigest()[:12]} -> {sha256(path)[:12]}"
        parts = [f"got: {shown}", "put them back", "--out", "--accept-changed-inputs"]
        assert_user_error(called, "was made from other inputs; ", *parts)
        assert tree(once.folder) == before
        called = call("plan", once.config, "--out", once.folder)
        assert_user_error(called, "was made from other inputs; ", *parts)
        assert tree(once.folder) == before
    finally:
        path.write_bytes(kept)


def test_changed_weights_are_refused_too(once):
    path, before = once.files / "model/model.safetensors", tree(once.folder)
    kept = path.read_bytes()
    try:
        path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        called = call("screen", once.config, "--out", once.folder)
        assert_user_error(called, "got: weights of model own: ", "--accept-changed-inputs")
        assert "," not in called.err.partition("got: ")[2].partition(";")[0], "no other input"
    finally:
        path.write_bytes(kept)
    assert tree(once.folder) == before


def test_an_input_that_is_gone_is_named_and_costs_nothing(once):
    path, before = once.files / "mine.csv", tree(once.folder)
    kept = path.read_bytes()
    path.unlink()
    try:
        assert_user_error(call("screen", once.config, "--out", once.folder), "mine.csv", "no file")
    finally:
        path.write_bytes(kept)
    assert tree(once.folder) == before


@pytest.fixture
def own(once, tmp_path) -> OwnRun:
    """A copy of run and files that a test may alter; its run.json is of the copied files."""
    shutil.copytree(once.files, tmp_path / "files")
    shutil.copytree(once.folder, tmp_path / "run")
    config, record = tmp_path / "files/c.yaml", tmp_path / "run/run.json"
    for path in (config, record):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(str(once.files), str(tmp_path / "files")), encoding="utf-8")
    told = json.loads(record.read_text(encoding="utf-8"))
    told["identity"] = run_identity(load_config(config))
    record.write_text(json.dumps(told), encoding="utf-8")
    return OwnRun(config, tmp_path / "run")


def test_accepted_it_is_an_event_and_the_run_becomes_that_of_the_new_inputs(own, tmp_path):
    path = own.files / "mine.csv"
    before = sha256(path)
    with path.open("ab") as stream:
        stream.write(b"so glad today,joy\n")
    args = ("screen", own.config, "--out", own.folder)
    assert call(*args).code == 2
    assert call(*args, "--accept-changed-inputs").code == 0
    (event,) = [e for e in lines_of(own.folder / "events.jsonl") if e["event"] == "inputs_changed"]
    assert event["changed"] == [{"name": "mine.csv", "before": before, "now": sha256(path)}]
    record = json.loads((own.folder / "run.json").read_text(encoding="utf-8"))
    assert record["inputs"]["mine.csv"] == sha256(path)
    page = (own.folder / "report.html").read_text(encoding="utf-8")
    assert f"mine.csv: {before[:12]} -&gt; {sha256(path)[:12]}" in page, "in its events"
    assert sha256(path) in page, "in its settings"
    called = call("verify", own.folder)
    assert called.code == 0, called.out
    assert call(*args).code == 0, "the same from now on"
    run_screen(own.config, tmp_path / "fresh")
    assert made_from(own.folder) == made_from(tmp_path / "fresh")


def test_an_unfinished_run_is_held_to_its_inputs_too(own, tmp_path):
    folder, path = tmp_path / "unfinished", own.files / "mine.csv"
    with pytest.raises(KeyboardInterrupt):
        run_screen(own.config, folder, Watch(stop_at=("train own.full-recipe", 2)))
    before, kept = tree(folder), path.read_bytes()
    path.write_bytes(kept + b"so glad today,joy\n")
    called = call("screen", own.config, "--out", folder)
    assert_user_error(called, "was made from other inputs; got: mine.csv: ")
    assert tree(folder) == before
    path.write_bytes(kept)
    watch = Watch()
    run_screen(own.config, folder, watch)
    assert watch.titles[0] == "train own.full-recipe"


def test_a_run_from_before_inputs_were_recorded_goes_on(own):
    path = own.folder / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    inputs = record.pop("inputs")
    path.write_text(json.dumps(record), encoding="utf-8")
    assert call("screen", own.config, "--out", own.folder).code == 0
    assert json.loads(path.read_text(encoding="utf-8"))["inputs"] == inputs


def test_a_contradiction_of_run_json_and_manifest_is_found(own):
    path = own.folder / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["inputs"]["mine.csv"] = "0" * 64
    path.write_text(json.dumps(record), encoding="utf-8")
    called = call("verify", own.folder)
    assert called.code == 4
    assert "`inputs` of its predicate is not that of run.json" in called.out


def test_data_build_holds_its_folder_to_the_same(tmp_path):
    config, built = own_files(tmp_path / "files"), tmp_path / "built"
    path, args = tmp_path / "files/mine.csv", ("data", "build", config, "--out", built)
    assert call(*args).code == call(*args).code == 0
    before = tree(built)
    with path.open("ab") as stream:
        stream.write(b"so odd today,no-such-label\n")
    said = ("was made from other inputs; got: mine.csv: ", "--accept-changed-inputs")
    assert_user_error(call(*args), *said)
    assert tree(built) == before
    assert call(*args, "--accept-changed-inputs").code == 0
    assert json.loads(tree(built)["build.json"])["inputs"]["mine.csv"] == sha256(path)
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("rows: 12", "rows: 11"), encoding="utf-8")
    before = tree(built)
    said = ("was made from another config; got: data.train.2.rows: 12 -> 11; ", "--out")
    assert_user_error(call(*args), *said)
    assert tree(built) == before
