"""Write every bad input into a folder: `python tests/bad_inputs/make_cases.py OUT_DIR`.

Each case gets a folder of its own. `cases.json` lists the commands to try, with the exit code and
the pieces of the one message that are expected. Files are made anew; nothing is fetched.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import bad_audits
import bad_configs
import bad_data
import bad_draws
import bad_folders
import bad_ggufs
import bad_qwen1
import bad_recipes
import bad_rows
import bad_runs
import bad_weights
import bad_wheels
from bad_case import Case, Sound

ROOMS = (
    bad_configs,
    bad_data,
    bad_draws,
    bad_weights,
    bad_folders,
    bad_qwen1,
    bad_ggufs,
    bad_wheels,
    bad_runs,
    bad_audits,
    bad_rows,
    bad_recipes,
)


def all_cases() -> tuple[Case, ...]:
    """Every case; names are distinct."""
    return tuple(case for room in ROOMS for case in room.CASES)


def arguments(case: Case, here: Path) -> list[str]:
    """The command, with the case's folder filled in."""
    return [part.format(here=here) for part in case.command.split()]


def environment(case: Case, here: Path) -> dict[str, str]:
    """The case's variables, with its folder filled in."""
    return {name: value.format(here=here) for name, value in case.env}


def write_all(out: Path) -> list[dict[str, object]]:
    """Make every case below `out`; returns what cases.json says of them."""
    listed: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EMOLOOM_CACHE"] = str(Path(folder) / "cache")
        sound = Sound(Path(folder))
        for case in all_cases():
            here = out / case.name
            here.mkdir(parents=True)
            case.make(here, sound)
            listed.append(
                {
                    "name": case.name,
                    "command": ["emoloom", *arguments(case, here)],
                    "environment": environment(case, here),
                    "exit_code": case.code,
                    "said": case.parts,
                    "locked_by_another_process": case.locked or None,
                    "without_the_rights_of_root": case.weak,
                }
            )
    return listed


def main() -> int:
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.stderr.write("usage: python tests/bad_inputs/make_cases.py OUT_DIR (a new folder)\n")
        return 2
    out = Path(sys.argv[1]).absolute()
    listed = write_all(out)
    text = json.dumps(listed, indent=2) + "\n"
    (out / "cases.json").write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(listed)} cases; see {out / 'cases.json'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
