"""What a hub that answers, refuses or is not there leads to. Its library is patched: no network."""

import json
import sys
from types import SimpleNamespace

import huggingface_hub
import pytest
from hub_maker import COMMIT, REPO, get
from huggingface_hub import errors
from wheel_maker import left_in

from emoloom.errors import UserError
from emoloom.sources import hub, size


def test_an_online_hub_is_asked_for_the_commit(online, tmp_path):
    online.info.tags = ["llama", "license:mit"]
    files, said = get(tmp_path, f"hf:{REPO}@v2")
    assert online.calls == [
        ("info", REPO, "v2"),
        ("info", REPO, COMMIT),
        ("download", REPO, COMMIT),
    ]
    assert online.patterns == list(hub.SAFE_FILES)
    assert said == [f"Fetching {REPO} @ abcdef0 from the Hugging Face hub"]
    assert files.licence == "mit"
    online.calls.clear()
    again, _ = get(tmp_path, f"hf:{REPO}@v2")
    assert (again, online.calls) == (files, [("info", REPO, "v2")])


def test_a_licence_with_a_name_of_its_own(online, tmp_path):
    online.info.tags = ["license:other"]
    online.info.card_data = SimpleNamespace(to_dict=lambda: {"license_name": "own-terms"})
    assert get(tmp_path)[0].licence == "own-terms"


def test_the_catalogues_licence_goes_before_the_hubs(online, tmp_path):
    online.info.tags = ["license:mit"]
    files, _ = get(tmp_path, "qwen2.5-0.5b-instruct")
    assert files.licence == "Apache-2.0"
    assert files.display_name == "Qwen2.5-0.5B-Instruct @ abcdef0"
    assert files.source == f"hf:Qwen/Qwen2.5-0.5B-Instruct@{COMMIT}"


def test_a_large_model_is_refused_before_it_is_fetched(online, tmp_path):
    online.info.safetensors = SimpleNamespace(total=7_241_732_096)
    with pytest.raises(
        UserError,
        match=r"Tiny_Llama @ abcdef0 is not a small model; got: 7,241,732,096 parameters; "
        r"allowed: at most 2,000,000,000; do: .*allow_large: true",
    ):
        get(tmp_path)
    assert all(call[0] == "info" for call in online.calls)
    assert get(tmp_path, allow_large=True)


def test_a_size_that_the_hub_does_not_state_is_counted(online, tmp_path, monkeypatch):
    monkeypatch.setattr(size, "MOST_PARAMETERS", 1000)
    with pytest.raises(UserError, match=r"is not a small model"):
        get(tmp_path)
    assert left_in(tmp_path / "cache") == []


@pytest.mark.parametrize("sha", [None, "", "main", "../x", COMMIT[:39]])
def test_a_hub_that_gives_no_commit(online, tmp_path, sha):
    online.info.sha = sha
    with pytest.raises(UserError, match=f"The hub gave no commit for {REPO}"):
        get(tmp_path)


def answer(status: int) -> SimpleNamespace:
    return SimpleNamespace(headers={}, request=None, status_code=status)


def wrapped(cause: Exception) -> Exception:
    error = errors.LocalEntryNotFoundError("An error happened while trying to locate the files")
    error.__cause__ = cause
    return error


REFUSALS = [
    (
        errors.RepositoryNotFoundError("404 Not Found", response=answer(404)),
        rf"The hub has no model {REPO}, or it is private; got: 404 Not Found; .*check the name",
    ),
    (
        errors.GatedRepoError("403 Forbidden\nask for access", response=answer(403)),
        rf"{REPO} is gated.*got: 403 Forbidden ask for access; do: accept them at "
        rf"https://huggingface\.co/{REPO}, then run `hf auth login` or set HF_TOKEN",
    ),
    (errors.HfHubHTTPError("401 x", response=answer(401)), rf"{REPO} is gated"),
    (errors.HfHubHTTPError("403 x", response=answer(403)), rf"{REPO} is gated"),
    (errors.DisabledRepoError("403 x", response=answer(403)), rf"The hub refuses {REPO}; got: 403"),
    (
        errors.RevisionNotFoundError("404 x", response=answer(404)),
        rf"{REPO} has no such revision on the hub; got: '{{revision}}'; allowed: a branch",
    ),
    (errors.BadRequestError("400 x", response=answer(400)), rf"The hub refuses {REPO}; got: 400 x"),
]
UNREACHABLE = [
    OSError("Name or service not known"),
    TimeoutError(),
    errors.OfflineModeIsEnabled("offline mode is enabled"),
    errors.HfHubHTTPError("503 Unavailable", response=answer(503)),
    errors.HfHubHTTPError("429 Too Many Requests", response=answer(429)),
]


def fails(monkeypatch, owner: object, name: str, error: Exception) -> None:
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(owner, name, fail)


@pytest.mark.parametrize(("error", "match"), REFUSALS, ids=lambda one: type(one).__name__)
def test_a_refusal_is_one_clear_error(online, cached, tmp_path, monkeypatch, error, match):
    """In spite of what is cached: the hub has spoken."""
    with monkeypatch.context() as patch:
        fails(patch, huggingface_hub.HfApi, "model_info", error)
        with pytest.raises(UserError, match=match.format(revision="v1")):
            get(tmp_path, f"hf:{REPO}@v1")
    for one in (error, wrapped(error)):
        fails(monkeypatch, huggingface_hub, "snapshot_download", one)
        with pytest.raises(UserError, match=match.format(revision=COMMIT)) as caught:
            get(tmp_path, f"hf:{REPO}@v1")
        assert "\n" not in str(caught.value)
    assert left_in(tmp_path / "cache") == []


@pytest.mark.parametrize("error", UNREACHABLE, ids=lambda one: type(one).__name__)
def test_no_network_and_nothing_cached(hub_cache, tmp_path, monkeypatch, error):
    fails(monkeypatch, huggingface_hub.HfApi, "model_info", error)
    message = rf"{REPO} @ v1 cannot be fetched from the hub, and is not whole in its cache.*HF_HUB"
    with pytest.raises(UserError, match=message):
        get(tmp_path, f"hf:{REPO}@v1")
    with pytest.raises(UserError, match="cannot be fetched from the hub"):
        get(tmp_path, f"hf:{REPO}@{COMMIT}")
    assert left_in(tmp_path / "cache") == []


def test_a_snapshot_that_is_not_whole_is_said(cached, tmp_path):
    """The hub's library keeps a list of a commit's files beside them."""
    entry = {"size": 3, "blob_id": "0" * 40}
    trees = cached.parents[1] / "trees"
    trees.mkdir()
    listing = {"format_version": 1, "files": {"config.json": entry, "merges.txt": entry}}
    (trees / f"{COMMIT}.json").write_text(json.dumps(listing), encoding="utf-8")
    with pytest.raises(UserError, match=r"not whole in its cache here; got: .*merges\.txt"):
        get(tmp_path)


def test_without_the_hubs_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"needs its library; got: .*pip install 'emoloom\[hub\]'"):
        get(tmp_path)
