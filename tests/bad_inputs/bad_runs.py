"""Run folders that cannot be written, are not ours, or were harmed; and candidates that fail."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from bad_case import NOT_JSON, Case, Sound, copy_model, edit_json
from bad_folders import one_token_more
from bad_weights import filled

from tiny_screen import assert_same_results, write_config

SCREEN = "screen {here}/c.yaml --out {here}/run"
OTHER_FOLDER = "do: choose another folder with --out"
MARKER = "candidates/constant/done/select.json"
ROWS = "candidates/one.sft/rows"


def harmed(harm: Callable[[Path], object], **changes: object) -> Callable[[Path, Sound], None]:
    """A copy of a finished run, harmed, beside its config or a changed one."""

    def make(here: Path, sound: Sound) -> None:
        write_config(here / "c.yaml", **changes)
        harm(Path(shutil.copytree(sound.run, here / "run")))

    return make


def refused(name: str, harm: Callable[[Path], object], /, *parts: str, **changes: object) -> Case:
    return Case(f"run-{name}", harmed(harm, **changes), SCREEN, parts)


def in_the_way(name: str, harm: Callable[[Path], object], *parts: str) -> Case:
    """What stands in the way is met in the middle of the work."""
    said = (*parts, "do: move away what is in the way, then run the same command again")
    return Case(f"run-{name}", harmed(harm), SCREEN, said, leaves=("run",))


def mended(name: str, harm: Callable[[Path], object], *redone: str) -> Case:
    """The screen does again what was harmed; its results are those of the undisturbed run."""
    said = ("continuing the run in ", "report: ", *redone)
    return Case(f"run-{name}", harmed(harm), SCREEN, said, 0, after=same_results)


def same_results(here: Path, sound: Sound) -> None:
    left = [path for path in (here / "run").rglob("*") if path.name.startswith(".left.")]
    for path in left:
        path.unlink()
    assert_same_results(here / "run", sound.run)
    costs = json.loads((here / "run/costs.json").read_text(encoding="utf-8"))
    assert {"stages", "decode", "decode_polarity", "spent", "probes", "planned"} >= costs.keys()
    assert {"stages", "decode", "decode_polarity", "spent"} <= costs.keys()


def nothing(run: Path) -> None:
    """The run as it is."""


def content(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda run: (run / name).write_bytes(data)


def edited(name: str, **changes: object) -> Callable[[Path], None]:
    return lambda run: edit_json(run / name, **changes)


def folder_at(name: str) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return harm


def file_at(name: str) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        shutil.rmtree(run / name)
        (run / name).write_text("in the way", encoding="utf-8")

    return harm


def costs(data: bytes) -> Callable[[Path], None]:
    """Other costs, and one small stage to be done again, so that they are written."""

    def harm(run: Path) -> None:
        (run / "costs.json").write_bytes(data)
        (run / MARKER).unlink()

    return harm


def odd_costs(**figures: object) -> Callable[[Path], None]:
    """A record of a stage that is not done again, so that it would be kept."""
    entry = {"stage": "select", "candidate": "one.sft", "unit": "rows", "seconds": 1, "rows": 8}
    decoded = dict.fromkeys(("forwards", "tokens_computed", "near_ties", "truncated"), 1)
    return costs(json.dumps({"stages": [entry | decoded | figures]}).encode())


def leftovers(run: Path) -> None:
    """What killed processes leave: temporary files, and answers cut short in the middle."""
    (run / "candidates/one.sft/done/select.json").unlink()
    for name in (".left.run.json", f"{ROWS}/.left.select.jsonl", "candidates/.left.checkpoint"):
        (run / name).write_bytes(b'{"half')
    (run / ROWS / "select.0123456789abcdef.partial").write_bytes(b'{"id": "x", "outp')


def altered_answer(run: Path) -> None:
    path = run / ROWS / "select.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"output":"', '"output":"joy '))


def read_only(run: Path) -> None:
    for path in (run, *run.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def file_as_run(here: Path, sound: Sound) -> None:
    write_config(here / "c.yaml")
    (here / "run").write_text("a file", encoding="utf-8")


def foreign(here: Path, sound: Sound) -> None:
    write_config(here / "c.yaml")
    (here / "run").mkdir()
    (here / "run" / "thesis.tex").write_text("mine", encoding="utf-8")


def broken_beside_sound(here: Path, sound: Sound) -> None:
    """Three models that fail, each in its own way, and one that does not."""
    harms = {"nan": filled(float("nan"), 5), "inf": filled(float("inf"), 5, 3)}
    for name, harm in (harms | {"ids": one_token_more}).items():
        harm(copy_model(here, sound).rename(here / name))
    models = [{"source": str(here / name), "name": name} for name in ("nan", "inf", "ids")]
    models.append({"source": "random:tiny@1", "name": "one"})
    write_config(here / "c.yaml", models=models, recipes=["sft"])


def only_the_sound_one_is_ranked(here: Path, sound: Sound) -> None:
    board = json.loads((here / "run/leaderboard.json").read_text(encoding="utf-8"))
    entries = {entry["name"]: entry for entry in board["entries"]}
    not_finite = "holds numbers that are NaN or infinite"
    said = {"nan": not_finite, "inf": not_finite, "ids": "do not fit together"}
    for name, reason in said.items():
        entry = entries[f"{name}.sft"]
        assert (entry["status"], entry["rank"]) == ("failed", None)
        assert reason in entry["reason"]
    assert (entries["one.sft"]["status"], entries["one.sft"]["rank"]) == ("scored", 1)
    assert not_finite in (here / "run/report.html").read_text(encoding="utf-8")


def model_away(here: Path, sound: Sound) -> None:
    (copy_model(here, sound) / "model.safetensors").write_bytes(b"")
    write_config(here / "c.yaml", models=[str(here / "model"), "random:tiny@1"])


CACHE_FILE = (("EMOLOOM_CACHE", "{here}/cache"),)

CASES = (
    Case(
        "run-folder-is-a-file",
        file_as_run,
        SCREEN,
        ("cannot write the run folder ", "got: File exists", OTHER_FOLDER),
    ),
    Case(
        "run-read-only",
        harmed(read_only),
        SCREEN,
        ("cannot write the run folder ", "got: Permission denied", OTHER_FOLDER),
        weak=True,
    ),
    Case(
        "run-foreign-files",
        foreign,
        SCREEN,
        ("is not empty and holds no run", "got: thesis.tex", "do: choose a new or empty folder"),
    ),
    Case(
        "run-in-use",
        harmed(nothing),
        SCREEN,
        ("another process works on ", "do: wait for it, or choose another folder with --out"),
        locked="run/.lock",
    ),
    refused(
        "of-another-config",
        nothing,
        "was made from another config; got: seed: 3 -> 4",
        "do: put these settings back, choose another folder with --out, or delete this one",
        seed=4,
    ),
    refused(
        "of-a-newer-version",
        edited("run.json", format=2),
        *("was written by a newer emoloom", "got: run format 2", "allowed: up to 1", "do: upgrade"),
    ),
    refused(
        "record-no-json", content("run.json", NOT_JSON), "run.json cannot be read", OTHER_FOLDER
    ),
    refused(
        "record-a-list", content("run.json", b"[]"), "run.json is no run record", "allowed: an"
    ),
    refused(
        "record-missing", lambda run: (run / "run.json").unlink(), "holds no run", "do: choose"
    ),
    refused("record-a-folder", folder_at("run.json"), "run.json cannot be read", OTHER_FOLDER),
    refused("lock-a-folder", folder_at(".lock"), "cannot write the run folder", OTHER_FOLDER),
    in_the_way("folder-at-plan", folder_at("plan.json"), "Is a directory", "plan.json"),
    in_the_way("folder-at-marker", folder_at(MARKER), "Is a directory", MARKER),
    in_the_way("file-at-data", file_at("data"), "File exists", "run/data"),
    in_the_way("file-at-candidates", file_at("candidates"), "Not a directory", "run/candidates"),
    mended("costs-no-json", costs(NOT_JSON), "select constant: 12 rows"),
    mended("costs-of-lists", costs(b'{"stages": [[], 3]}'), "select constant: 12 rows"),
    mended("costs-too-deep", costs(b'{"stages":' + b"[" * 200_000), "select constant: 12 rows"),
    mended("costs-nan", odd_costs(seconds=float("nan")), "select constant: 12 rows"),
    mended("costs-huge", odd_costs(rows=10**400), "select constant: 12 rows"),
    mended("costs-of-text", odd_costs(finished=False, rows="eight"), "select constant: 12 rows"),
    mended("answer-altered", altered_answer, "select one.sft: 8 rows"),
    mended("marker-no-json", content(MARKER, NOT_JSON), "select constant: 12 rows"),
    mended("leftovers", leftovers, "select one.sft: 8 rows"),
    Case(
        "run-broken-models-beside-a-sound-one",
        broken_beside_sound,
        SCREEN,
        (
            *("nan.sft: nan does not load", "inf.sft: inf does not load", "NaN or infinite"),
            *("ids.sft: the tokenizer and the weights of ids do not fit together", "report: "),
        ),
        0,
        after=only_the_sound_one_is_ranked,
    ),
    Case(
        "run-model-cannot-be-had",
        model_away,
        SCREEN,
        ("is not a whole safetensors file", "got: 0 bytes", "do: fetch the file again"),
        leaves=("run",),
    ),
    Case(
        "cache-is-a-file",
        lambda here, sound: (here / "cache").write_text("a file", encoding="utf-8"),
        "models get random:tiny@1",
        ("The model cache cannot be used", "Not a directory", "set EMOLOOM_CACHE to a folder"),
        env=CACHE_FILE,
    ),
    Case(
        "cache-read-only",
        lambda here, sound: (here / "cache").mkdir(mode=0o555),
        "models get random:tiny@1",
        ("The model cache cannot be used", "Permission denied", "set EMOLOOM_CACHE to a folder"),
        env=CACHE_FILE,
        weak=True,
    ),
    Case(
        "report-of-no-run",
        lambda here, sound: None,
        "report {here}/run",
        ("there is no run folder to report on", "allowed: a folder written by", "do: check the"),
    ),
    Case(
        "report-read-only",
        harmed(read_only),
        "report {here}/run",
        ("cannot write ", "report.html", "got: Permission denied", "do: make the run folder"),
        weak=True,
    ),
)
