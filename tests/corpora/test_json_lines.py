"""JSON that is not written in lines: said what it is, with a command that mends it."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emoloom.corpora.check import check_data
from emoloom.corpora.json_lines import check_json_lines
from emoloom.errors import UserError

RECORDS = [{"text": "so glad", "label": "joy"}, {"text": "so sad, café", "label": "sadness"}]
GLAD, SAD = (json.dumps(one) for one in RECORDS)

FORMS = {
    "a list": (json.dumps(RECORDS), "one JSON list"),
    "a list over lines": (f"[\n{GLAD},\n{SAD}\n]\n", "one JSON list"),
    "under a key": (json.dumps({"data": RECORDS}), "an object that holds a list in 'data'"),
    "under a key, over lines": (
        f'\n{{"version": "1.1", "rows": [\n{GLAD},\n{SAD}\n]}}',
        "an object that holds a list in 'rows'",
    ),
    "by id": (json.dumps({"a": RECORDS[0], "b": RECORDS[1]}, indent=1), "an object of objects"),
    "as pandas writes a table": (
        json.dumps({k: {str(n): one[k] for n, one in enumerate(RECORDS)} for k in RECORDS[0]}),
        "an object of columns",
    ),
    "two on a line": (GLAD + SAD, "several JSON objects that are not one a line"),
    "each over lines": (
        "\n".join(json.dumps(one, indent=2) for one in RECORDS),
        "several JSON objects that are not one a line",
    ),
}


@pytest.mark.parametrize("suffix", ["json", "jsonl", "txt"])
@pytest.mark.parametrize("form", FORMS)
def test_what_it_is_and_a_command_that_mends_it(tmp_path, form, suffix):
    text, what = FORMS[form]
    path = tmp_path / f"it's mine.{suffix}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as raised:
        check_data(path)
    assert what.replace("an object", "one JSON object") in str(raised.value)
    command = raised.value.do
    if command.startswith("jq") and shutil.which("jq") is None:
        return
    command = command.replace("python -c", f"{shlex.quote(sys.executable)} -c", 1)
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    (made,) = (one for one in tmp_path.iterdir() if one != path)
    assert [json.loads(line) for line in made.read_text("utf-8").splitlines()] == RECORDS
    found = check_data(made)
    assert (found.rows, found.rejected) == (2, 0)


def test_one_object_over_lines_is_one_record(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(RECORDS[0], indent=2), encoding="utf-8")
    with pytest.raises(UserError, match="one JSON object over many lines"):
        check_data(path)


@pytest.mark.parametrize(
    "text",
    [
        GLAD,
        f"{GLAD}\n{SAD}",
        f"\n{GLAD}",
        '{"text": "so very glad", "label": "joy", "spans": [{"word": "glad"}]}',
        f"[1, 2]\n{GLAD}",
        f"{GLAD}{SAD}\n{GLAD}",
        f'{{"text": "cut\n{GLAD}',
    ],
)
def test_json_lines_are_taken_with_a_bad_line_too(tmp_path, text):
    path = tmp_path / "mine.jsonl"
    path.write_text(text + "\n", encoding="utf-8")
    check_json_lines(path)
    assert check_data(path).rows >= 1


def test_two_objects_on_a_line_are_said_of_the_line(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(f"{GLAD}\n{GLAD}{SAD}\n", encoding="utf-8")
    (reason,) = check_data(path).reasons
    assert reason.line == 2
    assert "behind the line's object; allowed: one JSON object a line" in reason.example


def test_a_key_that_is_no_plain_name_enters_no_command(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({'"; rm -rf "': RECORDS}, indent=1), encoding="utf-8")
    with pytest.raises(UserError) as raised:
        check_data(path)
    assert "rm" not in raised.value.do
    assert not Path(tmp_path / "mine.jsonl").exists()
