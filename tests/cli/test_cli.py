import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from unittest import mock

import pytest

from emoloom import cli
from emoloom.engines.progress import printable
from emoloom.errors import ExitCode, UserError
from tiny_screen import call, write_config

pytestmark = pytest.mark.usefixtures("own_cache")

COMMAND = [sys.executable, "-c", "from emoloom.cli import main; main()"]

HEAVY = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "peft",
    "accelerate",
    "sklearn",
    "scipy",
)
HEAVY += ("numpy", "rich", "yaml", "jinja2", "regex", "lemminflect", "psutil")
"""What a page of help must not wait for; a time would be one of the machine."""


def run(*args: object, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COMMAND, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


def python(code: str, *args: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# Help


def test_the_entry_point_is_emoloom():
    (script,) = metadata.entry_points(group="console_scripts", name="emoloom")
    assert script.value == "emoloom.cli:main"


def test_help_names_every_command_and_imports_nothing_heavy():
    code = f"""
import sys
from emoloom.cli import main
try:
    main()
finally:
    print("HEAVY", [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = python(code, "--help")
    assert "HEAVY []" in done.stdout
    for name in (
        "screen",
        "check",
        "schema",
        "report",
        "parse",
        "weak-vad",
        "flip",
        "decode",
        "score",
        "verify",
        "rank",
        "cache",
    ):
        assert f"\n  {name} " in done.stdout
    assert "\n  models " in done.stdout
    assert "\n  data " in done.stdout
    for args in (("screen",), ("report",), ("score",), ("parse",), ("decode",), ("models", "get")):
        done = python(code, *args, "--help")
        assert "HEAVY []" in done.stdout, args


WITHOUT_TORCH = """
import io, json, sys
for name in ("torch", "transformers", "peft", "safetensors", "gguf"):
    sys.modules[name] = None  # importing it fails, as where it is not installed
from emoloom.cli import main
for args, text in json.loads(sys.argv[1]):
    sys.argv = ["emoloom", *args]
    sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, (args, stop.code)
"""


def test_what_needs_no_model_works_without_torch(a_run, tmp_path):
    answers = a_run.folder / "candidates/one.sft/rows/select.jsonl"
    calls = [
        (["--help"], ""),
        (["report", str(a_run.folder)], ""),
        (
            ["score", "--answers", str(answers), "--gold", str(a_run.folder / "data/select.jsonl")],
            "",
        ),
        (["parse"], "no\n"),
        (["weak-vad"], "I love it\n"),
        (["flip"], "I love it\n"),
        (["schema"], ""),
        (["models", "list"], ""),
        (["data", "list"], ""),
    ]
    done = python(WITHOUT_TORCH, json.dumps(calls))
    assert (done.returncode, done.stderr) == (0, "")
    assert str(a_run.folder / "report.html") in done.stdout
    assert '"parse_ok":' in done.stdout


# Exit codes


@pytest.mark.parametrize("args", [(), ("nosuch",), ("screen",), ("score", "--answers", "x")])
def test_wrong_usage_is_a_user_error(args):
    assert call(*args).code == 2


@pytest.mark.parametrize(
    ("option", "value"), [("--max-new-tokens", "0"), ("--decoder", "greedy"), ("--nosuch", "1")]
)
def test_options_are_checked(option, value):
    called = call("decode", "--model", "m", "--input", "i", "--output", "o", option, value)
    assert called.code == 2
    assert "Traceback" not in called.err
    assert option in called.err


def test_codes_are_those_of_the_readme():
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0,
        "BUG": 1,
        "USER_ERROR": 2,
        "BUDGET": 3,
        "NOT_VERIFIED": 4,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_a_bug_shows_its_traceback_and_exits_1():
    code = """
import sys
import emoloom.corpora.registry as registry
registry.list_corpora = None
from emoloom.cli import main
main()
"""
    done = python(code, "data", "list")
    assert done.returncode == ExitCode.BUG == 1
    assert "Traceback" in done.stderr


def test_a_bug_that_looks_like_a_missing_file_is_still_a_bug(monkeypatch):
    def lose(*_):
        raise FileNotFoundError("a file of ours")

    monkeypatch.setattr("emoloom.corpora.registry.list_corpora", lose)
    with pytest.raises(FileNotFoundError):
        call("data", "list")


def test_what_screen_prints_last_is_the_report(a_run):
    called = call("screen", a_run.config, "--out", a_run.folder)
    assert called.code == 0
    board = (a_run.folder / "leaderboard.md").read_text(encoding="utf-8")
    assert called.out.startswith(board)
    assert called.out.splitlines()[-1] == f"report: {a_run.folder / 'report.html'}"
    first, *warnings = called.err.splitlines()
    assert first == f"continuing the run in {a_run.folder}"
    *warnings, rows, removed = warnings
    assert all(line.startswith("warning: ") for line in warnings)
    assert rows == "rows: train 20 rows, select 8 rows; 0 of 3,600 records rejected"
    assert removed.startswith("removed from train: 4 of 2,800 rows (nearly a text of select: 1; ")


def test_without_out_the_run_is_under_runs(finished_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_config(tmp_path / "c.yaml", name="mine", budget={"wall_seconds": 0})
    assert call("screen", config).code == 3
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()


# Messages


def test_values_in_a_message_cannot_drive_the_terminal(tmp_path):
    called = call("report", tmp_path / "evil\x1b[2J\x07name")
    assert called.code == 2
    assert "evil\N{REPLACEMENT CHARACTER}[2J" in called.err
    assert printable(called.err.replace("\n", "")) == called.err.replace("\n", "")


def test_user_errors_say_what_was_got_what_is_allowed_and_what_to_do():
    error = UserError("it fails", got="1", allowed="2", do="write 2")
    assert str(error) == "it fails; got: 1; allowed: 2; do: write 2"
    assert str(UserError("it fails")) == "it fails"


# Pipes and signals


def started(*args: str) -> subprocess.Popen:
    return subprocess.Popen(
        [*COMMAND, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("command", ["parse", "weak-vad"])
def test_a_reader_that_has_seen_enough_ends_the_filter_quietly(command):
    process = started(command)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())
    process.stdout.close()
    with suppress(BrokenPipeError):
        process.stdin.write(b"two\n" * 1000)
        process.stdin.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 0
    process.stderr.close()


def test_ctrl_c_in_a_filter_is_one_line():
    process = started("parse")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"ok": False, "reason": "no_json"}
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")


def test_sigterm_in_a_filter_is_one_line_and_a_code_of_its_own():
    process = started("parse")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"ok": False, "reason": "no_json"}
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (143, b"", b"interrupted\n")


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN, lambda *_: None])
def test_a_command_leaves_the_handlers_of_signals_as_they_were(handler):
    before, during = signal.signal(signal.SIGTERM, handler), []
    try:
        with mock.patch.object(cli, "app") as app:
            app.side_effect = lambda: during.append(signal.getsignal(signal.SIGTERM))
            cli.main()
        assert signal.getsignal(signal.SIGTERM) is handler
        assert (during[0] is handler) == (handler is signal.SIG_IGN), "ignored, it stays so"
        call("schema")
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_command_runs_in_another_thread_too():
    """Python lets the main thread alone set handlers."""
    codes = []
    thread = threading.Thread(target=lambda: codes.append(call("schema").code))
    thread.start()
    thread.join(60)
    assert codes == [0]


def test_json_is_utf_8_whatever_the_terminal(tmp_path):
    line = '{"labels":["joy"],"vad":{"v":0.5,"a":0.5,"d":0.5},"rationale":"naïve 😀"}\n'
    done = subprocess.run(
        [*COMMAND, "parse"],
        input=line.encode(),
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "naïve 😀".encode() in done.stdout


def test_check_says_what_would_be_compared(finished_run):
    called = call("check", finished_run.config)
    first, rows, removed, *warnings = called.out.splitlines()
    assert first == f"{finished_run.config} is fine: 1 model x 2 recipes"
    assert rows == "rows: train 20 rows, select 8 rows; 0 of 3,600 records rejected"
    assert removed.startswith("removed from train: 4 of 2,800 rows (nearly a text of select: 1; ")
    assert all(line.startswith("warning: ") for line in warnings)
    assert Path(finished_run.config).is_file()


def test_check_says_how_long_trials_are(tmp_path):
    config = write_config(tmp_path / "c.yaml", trials={"learning_rates": [1e-3, 1e-2]})
    lines = call("check", config).out.splitlines()
    assert lines[3] == (
        "learning rate: the best of 0.001, 0.01 for each candidate, by the loss of labels and "
        "digits after trials of 5 steps each, as many as the whole training has"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupt_in_a_destructor_is_not_lost(number, code):
    """Python ignores what is raised there: the signal would be gone."""
    script = f"""
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import emoloom.cli as cli

class Dying:
    def __del__(self):
        os.kill(os.getpid(), {int(number)})
        for _ in range(1000):
            pass

def written(*texts, **how):
    if how:
        return echo(*texts, **how)
    Dying()
    time.sleep(20)

echo, cli.typer.echo = cli.typer.echo, written
sys.argv = ["emoloom", "schema"]
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (code, "interrupted\n")
