#!/usr/bin/env bash
# NumPy 2.3.5: a seed padded with zeros is the same stream: default_rng(7) is default_rng((7, 0, 0)).
#
# Seeding by tuples, (seed, stage, index), is how experiments keep their draws apart. SeedSequence
# fills short entropy with zeros up to its pool of four 32-bit words, so (7,), (7, 0), (7, 0, 0) and
# (7, 0, 0, 0) give one and the same stream, and (7, 3) that of (7, 3, 0); numbers are cut into 32-bit
# words too, so (1 << 32) + 7 is (7, 1). A stage that is numbered 0, or an index that starts at 0, thus
# shares its "random" numbers with the bare seed: a draw of rows, the order of an epoch and a
# bootstrap can be correlated by construction. From the fifth word on zeros count. No warning.
#
# Seen: the same stream for all pairs below; (7, 0, 0, 0, 0) is another one.
# Ends with 0 while this is so, with 1 once it changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install numpy==2.3.5
"$work/venv/bin/python" - <<'PY'
import sys

import numpy as np


def stream(seed):
    return np.random.default_rng(seed).integers(0, 2**63, 8).tolist()


same = [(7, (7, 0)), (7, (7, 0, 0)), (7, (7, 0, 0, 0)), ((7, 3), (7, 3, 0)), (2**32 + 7, (7, 1))]
apart = [(7, (7, 0, 0, 0, 0)), (7, (0, 7))]
for one, other in (*same, *apart):
    print(f"{one!r} and {other!r}: {'one stream' if stream(one) == stream(other) else 'two streams'}")
right = all(stream(a) == stream(b) for a, b in same) and all(stream(a) != stream(b) for a, b in apart)
sys.exit(0 if right else "the behaviour has changed")
PY
