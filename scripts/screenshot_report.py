"""A picture of a run's report, taken by Debian's chromium: `screenshot_report.py RUN_DIR OUT.png`.

The page is opened in a frame, since a window narrower than 500 pixels is not to be had.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--allow-file-access-from-files",
    "--virtual-time-budget=3000",
)

FRAME = """<!doctype html><meta name="color-scheme" content="light dark">
<style>html,body{{margin:0;overflow:hidden}}iframe{{border:0;display:block}}</style>
<iframe src="{page}" width="{width}" height="{height}"></iframe>
"""

LARGEST = 8_000
"""Pixels of a side; what a browser draws beyond is not reliable."""

SECONDS = 120
"""A browser that takes longer is given up."""


def main() -> int:
    """Parse the command line, take the picture, say where it is."""
    parser = argparse.ArgumentParser(description="Take a picture of a run's report.html.")
    parser.add_argument("run_dir", type=Path, help="run folder that holds report.html")
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--dark", action="store_true", help="with the dark colours")
    parser.add_argument("--width", type=int, default=1280, metavar="N", help="pixels, 1280")
    parser.add_argument("--height", type=int, default=900, metavar="N", help="pixels, 900")
    parser.add_argument("--at", default="", metavar="SECTION", help="start here, such as vad")
    given = parser.parse_args()
    if not (0 < given.width <= LARGEST and 0 < given.height <= LARGEST):
        parser.error(f"--width and --height are whole numbers from 1 to {LARGEST}")
    try:
        take(given.run_dir / "report.html", given)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"no picture was taken: {error}", file=sys.stderr)
        return 1
    print(given.out)
    return 0


def take(page: Path, given: argparse.Namespace) -> None:
    """Write the picture.

    Raises:
        OSError: there is no browser, no report, or no picture.
        subprocess.SubprocessError: the browser failed or took too long.
    """
    browser = shutil.which("chromium")
    if browser is None:
        raise OSError("chromium is not on PATH; on Debian: apt-get install chromium")
    if not page.is_file():
        raise OSError(f"{page} is not there; write it with `emoloom report {page.parent}`")
    with tempfile.TemporaryDirectory() as scratch:
        frame = Path(scratch) / "frame.html"
        source = page.resolve().as_uri() + (f"#{given.at}" if given.at else "")
        frame.write_text(
            FRAME.format(page=source, width=given.width, height=given.height), encoding="utf-8"
        )
        command = [
            browser,
            *FLAGS,
            f"--user-data-dir={scratch}/profile",
            f"--blink-settings=preferredColorScheme={0 if given.dark else 1}",
            f"--window-size={given.width},{given.height}",
            f"--screenshot={given.out.resolve()}",
            frame.as_uri(),
        ]
        given.out.unlink(missing_ok=True)
        subprocess.run(  # noqa: S603 - our own command
            command, check=True, capture_output=True, timeout=SECONDS
        )
    if not given.out.is_file():
        raise OSError("chromium ended without a picture")


if __name__ == "__main__":
    sys.exit(main())
