from pathlib import Path

import pytest

from exported_run import ExportedRun, make_exported


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> ExportedRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(shared_cache))
        return make_exported(tmp_path_factory.mktemp("exported"))
