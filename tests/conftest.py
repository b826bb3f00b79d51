import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from cross_files import cross_config
from final_files import final_config
from rounded_models import write_rounded_llama
from tiny_screen import IN_BFLOAT16, UNMOVED, run_screen, write_config

# The same inputs in every clone; `pytest --hypothesis-profile=default` draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


@dataclass(frozen=True)
class FinishedRun:
    config: Path
    folder: Path


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model cache that outlives one test and touches nobody's own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own_cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`EMOLOOM_CACHE` is the session's cache while the test runs."""
    monkeypatch.setenv("EMOLOOM_CACHE", str(shared_cache))
    return shared_cache


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> FinishedRun:
    """The small screen, undisturbed and finished. Shared: never write into it."""
    config = write_config(tmp_path_factory.mktemp("finished") / "small.yaml")
    return _finished(config, shared_cache)


@pytest.fixture
def a_run(finished_run: FinishedRun, own_cache: Path, tmp_path: Path) -> FinishedRun:
    """A copy of the finished run that a test may alter; file times are kept."""
    return _copied(finished_run, tmp_path)


@pytest.fixture(scope="session")
def half_run(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> FinishedRun:
    """A model that answers in bfloat16, and one of near-ties that answers in fp32. Shared."""
    base = tmp_path_factory.mktemp("half")
    models = [
        {"source": str(write_rounded_llama(base / name, tied=tied)), "name": name}
        for name, tied in (("one", False), ("tied", True))
    ]
    config = write_config(
        base / "half.yaml",
        models=models,
        recipes=["sft+heads", "zero-shot"],
        zero_shot={"rows": 8},
        **IN_BFLOAT16,
        **UNMOVED,
    )
    return _finished(config, shared_cache)


@pytest.fixture(scope="session")
def crossed_run(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> FinishedRun:
    """The small screen with two corpora never trained on. Shared: never write into it."""
    config = cross_config(tmp_path_factory.mktemp("crossed") / "cross.yaml")
    return _finished(config, shared_cache)


@pytest.fixture
def a_crossed_run(crossed_run: FinishedRun, own_cache: Path, tmp_path: Path) -> FinishedRun:
    """A copy of it that a test may alter; file times are kept."""
    return _copied(crossed_run, tmp_path)


@pytest.fixture(scope="session")
def tested_run(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> FinishedRun:
    """The small screen with rows that chose nobody. Shared: never write into it."""
    config = final_config(tmp_path_factory.mktemp("tested") / "tested.yaml")
    return _finished(config, shared_cache)


@pytest.fixture
def a_tested_run(tested_run: FinishedRun, own_cache: Path, tmp_path: Path) -> FinishedRun:
    """A copy of it that a test may alter; file times are kept."""
    return _copied(tested_run, tmp_path)


def _finished(config: Path, cache: Path) -> FinishedRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(cache))
        screened = run_screen(config, config.parent / "run")
    assert screened.code == 0
    return FinishedRun(config, config.parent / "run")


def _copied(run: FinishedRun, tmp_path: Path) -> FinishedRun:
    folder = tmp_path / "copy"
    shutil.copytree(run.folder, folder)
    return FinishedRun(run.config, folder)
