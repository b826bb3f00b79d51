from collections.abc import Iterator

import chrome
import pytest
from cdp import Browser
from jinja2 import Environment

from emoloom.report import page as report_page


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path."""
    return chrome.find()


@pytest.fixture(scope="session")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One chromium over the DevTools protocol, for all pages of the session."""
    found = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def templates() -> Environment:
    """Compiled templates, shared: compiling takes longer than all else a page needs."""
    return report_page._environment()


@pytest.fixture
def compiled_once(monkeypatch: pytest.MonkeyPatch, templates: Environment) -> None:
    """Every page of the test is made with the shared templates."""
    monkeypatch.setattr(report_page, "_environment", lambda: templates)
