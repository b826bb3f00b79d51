"""Write small wheels, and let pip take wheels from a folder and from nowhere else."""

import os
import zipfile
from pathlib import Path

import pytest


def write_wheel(folder: Path, members: dict[str, bytes], package: str = "tiny-weights") -> Path:
    """A wheel that pip accepts, in version 1.0."""
    module = package.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    extra = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{module}/__init__.py": b"raise SystemExit('the wheel was run')\n",
    }
    names = [*members, *extra, f"{info}/RECORD"]
    record = "".join(f"{name},,\n" for name in names).encode()
    path = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**members, **extra, f"{info}/RECORD": record}.items():
            archive.writestr(name, content)
    return path


def use_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip finds wheels in this folder; no network."""
    folder.mkdir()
    for name in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


def left_in(cache: Path) -> list[str]:
    """What stands in a model cache."""
    models = cache / "models"
    return sorted(path.name for path in models.iterdir()) if models.exists() else []
