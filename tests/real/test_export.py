"""The winner of the demo with few rows, exported: real weights, real digits, a real tokenizer."""

import json
import re
from pathlib import Path

import pytest

from emoloom.exports.make import ExportRequest, export
from tiny_screen import call, lines_of


@pytest.mark.real
@pytest.mark.parametrize("form", ["merged", "adapter"])
def test_an_export_of_smollm2_answers_as_its_run_did(form, few_rows, tmp_path) -> None:
    said: list[str] = []
    request = ExportRequest(few_rows.run, "smollm2-135m.sft", tmp_path / "out", form, 2)
    made = export(request, said.append)
    for agreement in (made.checked.with_run, made.checked.with_transformers):
        assert agreement.rows == agreement.equal + agreement.near_ties == 2
    rows = lines_of(few_rows.run / "data/select.jsonl")[::2]
    data = "".join(json.dumps({"id": r["id"], "text": r["text"]}) + "\n" for r in rows)
    called = call("predict", made.folder, stdin=data.encode())
    assert called.code == 0, called.err
    wanted = lines_of(few_rows.run / "candidates/smollm2-135m.sft/rows/select.jsonl")[::2]
    found = [json.loads(line) for line in called.out.splitlines()]
    assert [one["id"] for one in found] == [one["id"] for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        if "error" in one:
            assert one["output"] == other["output"]
        else:
            assert json.loads(other["output"])["labels"] == one["labels"]
    card = (made.folder / "README.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", card, re.DOTALL)[0]
    assert "def answer" in code
    assert Path(made.folder / "LICENCES.md").read_text(encoding="utf-8").count("\n- ") >= 4
