#!/usr/bin/env bash
# torch 2.13.0 on a CPU: of a seed of 64 bits the generator reads the lower 32. initial_seed() gives all 64 back.
#
# torch.manual_seed takes any integer of 64 bits, and its documentation names no smaller range. The CPU's generator
# is a Mersenne Twister that is begun with the lower 32 bits alone: seeds that differ by a multiple of 2**32 are one stream.
# A log that prints torch.initial_seed() shows two different seeds for two runs that are the same run. It happens to
# whoever makes seeds by shifting (run << 32 | worker), by hashing to 64 bits and masking the wrong half, or from time in
# nanoseconds. Nothing is printed.
#
# Seen: "seeds 7 and 7 + 2**32: the same numbers: True", "initial_seed() of the second: 4294967303",
#       "16 seeds that differ in bits 32 to 47 alone: 1 stream", "16 seeds that differ in the lower bits: 16 streams".
# Ends with 0 while this is so, with 1 once it changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install torch==2.13.0
"$work/venv/bin/python" - <<'PY'
import sys

import torch


def drawn(seed: int) -> tuple[float, ...]:
    generator = torch.Generator(device="cpu").manual_seed(seed)
    return tuple(torch.rand(8, generator=generator).tolist())


same = drawn(7) == drawn(7 + 2**32)
torch.manual_seed(7 + 2**32)
told = torch.initial_seed()
high = {drawn(7 + (k << 32)) for k in range(16)}
low = {drawn(7 + k) for k in range(16)}
print(f"torch {torch.__version__}")
print(f"seeds 7 and 7 + 2**32: the same numbers: {same}")
print(f"initial_seed() of the second: {told}")
print(f"16 seeds that differ in bits 32 to 47 alone: {len(high)} stream")
print(f"16 seeds that differ in the lower bits: {len(low)} streams")
sys.exit(not (same and told == 7 + 2**32 and len(high) == 1 and len(low) == 16))
PY
