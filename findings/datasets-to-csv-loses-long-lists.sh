#!/usr/bin/env bash
# datasets 5.2.0 (pandas 3.1.1, NumPy 2.3.5): `Dataset.to_csv` writes a list as NumPy *prints* it.
#
# A column of lists of ids or names comes out without commas, `[0 2]` and `['joy' 'love']`; `Dataset.
# from_csv` reads both back as plain strings. Two traps follow. Python's own literal parser takes
# `['joy' 'love']` for ONE name, 'joylove' (neighbouring string literals are joined). And a list of
# more than 1,000 items is written with its middle left out, `[0. 0.14 0.28 ... 214. 214.1]`, over
# several lines of the cell: of 1,500 numbers 6 are in the file. No error, no warning.
#
# Seen: labels '[0 2]', names "['joy' 'love']" -> literal_eval ['joylove'], 6 of 1500 numbers written.
# Ends with 0 while this is so, with 1 once it changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install \
  datasets==5.2.0 pandas==3.1.1 numpy==2.3.5 pyarrow==26.0.1
cd "$work"
HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 HF_HOME="$work/hf" "$work/venv/bin/python" - <<'PY' 2>&1
import ast
import csv
import re
import sys
import warnings

import datasets

datasets.disable_progress_bars()
rows = {
    "labels": [[0, 2]],
    "names": [["joy", "love"]],
    "vector": [[i / 7 for i in range(1500)]],
}
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    datasets.Dataset.from_dict(rows).to_csv("rows.csv")
    back = datasets.Dataset.from_csv("rows.csv")[0]
with open("rows.csv", newline="", encoding="utf-8") as stream:
    cell = next(csv.DictReader(stream))
numbers = re.findall(r"\d[\d.e+-]*", cell["vector"])
names = ast.literal_eval(cell["names"])
print(f"labels {cell['labels']!r}, names {cell['names']!r} -> literal_eval {names}")
print(f"{len(numbers)} of 1500 numbers written; read back as {type(back['labels']).__name__}")
print(f"warnings: {len(said)}")
same = cell["labels"] == "[0 2]" and names == ["joylove"] and back["labels"] == "[0 2]"
sys.exit(0 if same and len(numbers) == 6 and "..." in cell["vector"] else "the behaviour has changed")
PY
