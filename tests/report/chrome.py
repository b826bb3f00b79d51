"""Pages in Debian's chromium, without a network."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--v=0",
)


def find() -> str:
    """The browser's path; the test is skipped, loudly, where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on PATH: the report's script and policy were NOT tested")
    return path


def load(chromium: str, page: Path, profile: Path, *more: str) -> tuple[str, list[str]]:
    """The document after loading, and what the page wrote to the console."""
    command = [chromium, *FLAGS, *more, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    errors = done.stderr.decode("utf-8", "replace").splitlines()
    return done.stdout.decode("utf-8"), [line for line in errors if "CONSOLE" in line]


def drive(chromium: str, driver: Path, profile: Path) -> tuple[dict[str, Any], list[str]]:
    """What a driving page left as JSON in its `seen` element, and the console."""
    document, console = load(chromium, driver, profile, "--virtual-time-budget=5000")
    match = re.search(r'<pre id="seen">(.+?)</pre>', document, flags=re.S)
    assert match is not None, console
    return json.loads(html.unescape(match[1])), console
