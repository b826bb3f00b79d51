"""The tables of docs/weak-vad.md, from what benchmarks/weak_vad.py measured."""

from collections.abc import Iterable, Sequence
from typing import Any

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
"""The page's marks; what stands between them is written by the benchmark."""


def fill(page: str, result: dict[str, Any]) -> str:
    """The page with its tables replaced."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    assert found, f"the page has no {BEGIN} ... {END}"
    return f"{before}{BEGIN}\n\n{markdown(result)}\n{END}{after}"


def markdown(result: dict[str, Any]) -> str:
    """All tables."""
    lexicons = result["lexicons"]
    rows = result["rows"]
    lines = [
        f"EmoBank: {rows['train']:,} + {rows['dev']:,} rows of train and dev chose, "
        f"{rows['test']:,} of test are reported.",
        "",
        "### Each part off",
        "",
        *_parts(lexicons),
        "",
        "### What each part is worth on test",
        "",
        *_changes(lexicons),
        "",
        "### The best of the search",
        "",
        *_best(lexicons),
        "",
        "### The map to the human scale",
        "",
        *_scales(lexicons),
        "",
    ]
    return "\n".join(lines)


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    cells = [header, ["---"] * len(header), *lines]
    return ["| " + " | ".join(line) + " |" for line in cells]


def _three(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.3f}" for value in values)


def _parts(lexicons: dict[str, Any]) -> list[str]:
    return _table(
        ("lexicon", "terms", "formula", "tokens hit", "r, train and dev (v / a / d)", "r, test"),
        [
            (
                name,
                f"{found['terms']:,}",
                part["part"],
                f"{part['hit_rate']:.1%}",
                _three(part["r"]),
                _three(part["r_test"]),
            )
            for name, found in lexicons.items()
            for part in found["parts"]
        ],
    )


def _changes(lexicons: dict[str, Any]) -> list[str]:
    def interval(change: dict[str, Any], at: int) -> str:
        return f"{change['gain'][at]:+.3f} [{change['low'][at]:+.3f}, {change['high'][at]:+.3f}]"

    return _table(
        ("lexicon", "without it", "change of r: valence", "arousal", "dominance"),
        [
            (name, part["part"], *(interval(part["change_test"], at) for at in range(3)))
            for name, found in lexicons.items()
            for part in found["parts"]
            if "change_test" in part
        ],
    )


def _best(lexicons: dict[str, Any]) -> list[str]:
    lines = []
    for name, found in lexicons.items():
        best = found["best"]
        lines.append(
            (
                name,
                str(len(found["search"])),
                f"{best['k']:g}",
                "all before" if best["window"] >= 100 else str(best["window"]),
                f"{best['power']:g}",
                _three(best["r"]),
                f"{best['gain'][3]:+.4f} [{best['low'][3]:+.4f}, {best['high'][3]:+.4f}]",
            )
        )
    header = ("lexicon", "formulas", "k", "window", "power", "r, train and dev", "gain in mean r")
    return _table(header, lines)


def _scales(lexicons: dict[str, Any]) -> list[str]:
    return _table(
        (
            "lexicon",
            "slope (v / a / d)",
            "intercept",
            "sd of weak, test",
            "RMSE unmapped",
            "RMSE mapped",
            "RMSE of train's mean",
        ),
        [
            (
                name,
                _three(found["scale"]["slope"]),
                _three(found["scale"]["intercept"]),
                _three(found["scale"]["sd_weak"]),
                *(_three(found["scale"][f"rmse_{kind}"][:3]) for kind in ("unmapped", "mapped")),
                _three(found["scale"]["rmse_constant"][:3]),
            )
            for name, found in lexicons.items()
        ],
    )
