"""A screen of 200 candidates: the budget lets a few be done, and the rest are said, not lost."""

import pytest

from emoloom.errors import ExitCode
from tiny_screen import call, entries_of, run_screen, write_config

pytestmark = pytest.mark.usefixtures("own_cache")

MANY = 200


def test_two_hundred_candidates_in_a_budget_for_a_few(tmp_path):
    config = write_config(
        tmp_path / "many.yaml",
        models=[{"source": f"random:tiny@{n}", "name": f"m{n:03}"} for n in range(MANY)],
        recipes=["sft"],
        polarity={"pairs": 0},
        budget={"tokens": 300_000, "probe": False},
    )
    folder = tmp_path / "run"
    assert run_screen(config, folder).code is ExitCode.BUDGET
    entries = entries_of(folder)
    candidates = {name: one for name, one in entries.items() if one["kind"] == "candidate"}
    assert len(candidates) == MANY
    scored = [name for name, one in candidates.items() if one["status"] == "scored"]
    assert 1 <= len(scored) < 10
    assert sorted(scored) == [f"m{n:03}.sft" for n in range(len(scored))], "in the config's order"
    left = [one for one in candidates.values() if one["status"] == "not_done"]
    assert len(left) == MANY - len(scored)
    assert all("tokens" in one["reason"] for one in left)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in candidates)
    assert len(page) < 5_000_000
    verified = call("verify", folder)
    assert verified.code == 0, verified
