"""The command that takes pictures of reports for the docs."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from make_run import make_run

from emoloom.report.page import write_report

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/screenshot_report.py"


def take(*arguments: object, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ if path is None else os.environ | {"PATH": path}
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_picture_has_the_size_asked_for_and_dark_differs(chromium: str, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_report(run)
    light, dark = tmp_path / "light.png", tmp_path / "dark.png"
    done = take(run, light, "--width", 400, "--height", 300)
    assert (done.returncode, done.stdout) == (0, f"{light}\n")
    assert take(run, dark, "--width", 400, "--height", 300, "--dark").returncode == 0
    raw = light.read_bytes()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", raw[16:24]) == (400, 300)
    assert raw != dark.read_bytes()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    done = take(run, tmp_path / "out.png", path=str(tmp_path))
    assert done.returncode == 1
    assert "chromium is not on PATH; on Debian: apt-get install chromium" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_without_a_report_is_said(chromium: str, tmp_path: Path) -> None:
    done = take(tmp_path, tmp_path / "out.png")
    assert done.returncode == 1
    assert "report.html is not there; write it with `emoloom report" in done.stderr


@pytest.mark.parametrize("width", ["0", "-1", "9000", "wide"])
def test_a_width_that_cannot_be_is_refused(tmp_path: Path, width: str) -> None:
    done = take(tmp_path, tmp_path / "out.png", "--width", width)
    assert done.returncode == 2
    assert "--width" in done.stderr
