import chrome
import pytest


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path."""
    return chrome.find()
