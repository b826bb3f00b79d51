"""Answers kept between runs: found under everything that can change one, and under nothing else."""

import json
import os
from dataclasses import fields, replace
from types import SimpleNamespace

import pytest

from asked_rows import row
from emoloom.screening import answer_cache
from emoloom.screening.answer_cache import AnswerCache, AnswerFacts, Kept, make_room, size

FACTS = AnswerFacts(
    weights="w",
    adapter="a",
    tokenizer="t",
    model_config="c",
    prompt=("head", "tail"),
    max_text_tokens=256,
    decoder="verified",
    max_new_tokens=96,
    partial=False,
    certificate="f",
    dtype="float32",
    code="code",
    packages=(("numpy", "2.0"), ("torch", "2.6")),
    threads=2,
    device=("cpu", "AVX2", "Linux", "x86_64"),
)

OTHER = {
    "weights": "w2",
    "adapter": "",
    "tokenizer": "t2",
    "model_config": "c2",
    "prompt": ("head", "tail "),
    "max_text_tokens": 255,
    "decoder": "canonical",
    "max_new_tokens": 95,
    "partial": True,
    "certificate": "f2",
    "dtype": "bfloat16",
    "code": "code2",
    "packages": (("numpy", "2.0"), ("torch", "2.7")),
    "threads": 1,
    "device": ("cuda", "AVX2", "Linux", "x86_64"),
}

ROWS = [row(1), row(2)]
KEPT = [Kept("first", False), Kept("second\u2028 😀 naïve", True)]


@pytest.fixture
def warned():
    return []


@pytest.fixture
def cache(tmp_path, warned):
    return AnswerCache(FACTS, 1_000_000, warned.append, tmp_path / "answers")


def test_what_is_kept_is_found_again_by_the_text(cache, warned):
    assert cache.look_up(ROWS) == {}
    cache.store(zip(ROWS, KEPT, strict=True))
    assert cache.look_up(ROWS) == {r.id: kept for r, kept in zip(ROWS, KEPT, strict=True)}
    renamed = replace(ROWS[0], id="another", source="b", group="g")
    assert cache.look_up([renamed]) == {"another": KEPT[0]}, "an id changes no answer"
    assert cache.look_up([replace(ROWS[0], text=ROWS[0].text + " ")]) == {}
    assert warned == []


def test_every_fact_has_another_value_here():
    assert OTHER.keys() == {field.name for field in fields(AnswerFacts)}


@pytest.mark.parametrize("name", OTHER)
def test_one_fact_another_and_nothing_is_found(cache, name, warned):
    cache.store(zip(ROWS, KEPT, strict=True))
    other = replace(cache, facts=replace(FACTS, **{name: OTHER[name]}))
    assert other.path != cache.path
    assert other.look_up(ROWS) == {}
    assert warned == []


def test_answers_are_added_to_those_of_earlier_runs(cache):
    cache.store([(ROWS[0], KEPT[0])])
    cache.store([(ROWS[1], KEPT[1])])
    assert len(cache.look_up(ROWS)) == 2
    (path,) = cache.folder.iterdir()
    before = path.stat().st_mtime_ns
    cache.store([(ROWS[1], KEPT[1])])
    assert path.stat().st_mtime_ns == before, "nothing new is not written"


DAMAGE = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: b"",
    "not text": lambda text: b"\xff\x00",
    "too deep": lambda text: b"[" * 100_000,
    "a list": lambda text: b"[]",
    "another answer": lambda text: text.replace(b"first", b"fifth"),
    "another format": lambda text: text.replace(b'"format": 1', b'"format": 2'),
    "of other facts": lambda text: text.replace(b'"threads": 2', b'"threads": 3'),
    "of another shape": lambda text: text.replace(b'"first", false', b'"first", 0'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_a_miss_with_a_warning_and_is_written_anew(cache, warned, damage):
    cache.store(zip(ROWS, KEPT, strict=True))
    cache.path.write_bytes(DAMAGE[damage](cache.path.read_bytes()))
    assert cache.look_up(ROWS) == {}
    assert warned == [f"kept answers are damaged and not used: {cache.path.name}"]
    cache.store([(ROWS[0], KEPT[0])])
    assert cache.look_up(ROWS) == {ROWS[0].id: KEPT[0]}


def test_a_file_of_other_facts_under_our_name_is_a_miss(cache, warned):
    other = replace(cache, facts=replace(FACTS, adapter="b"))
    other.store(zip(ROWS, KEPT, strict=True))
    other.path.rename(cache.path)
    assert cache.look_up(ROWS) == {}
    assert len(warned) == 1


def test_the_least_recently_used_file_goes_first(tmp_path, cache):
    one = replace(cache, facts=replace(FACTS, adapter="one"))
    for number, found in enumerate((cache, one), start=1):
        found.store(zip(ROWS, KEPT, strict=True))
        os.utime(found.path, (number, number))
    files, total = size(cache.folder)
    assert files == 2
    cache.look_up(ROWS)  # used just now
    last = replace(cache, facts=replace(FACTS, adapter="two"), most_bytes=total)
    last.store(zip(ROWS, KEPT, strict=True))
    assert {path.name for path in cache.folder.iterdir()} == {cache.path.name, last.path.name}
    assert size(cache.folder)[1] <= total
    make_room(cache.folder, 0)
    assert size(cache.folder) == (0, 0)
    assert size(tmp_path / "never made") == (0, 0)


def test_a_full_disk_costs_time_alone(cache, warned, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(answer_cache, "write_bytes_atomic", full)
    cache.store(zip(ROWS, KEPT, strict=True))
    assert warned == [f"answers cannot be kept in {cache.folder}: No space left on device"]


def test_the_facts_are_those_of_the_model_and_the_config(tmp_path, monkeypatch):
    """Each source of a fact in turn, through the function that gathers them."""
    from emoloom.models.certificate import Certificate
    from emoloom.screening import cache_facts

    certificate = Certificate("packed", "exact", 300, 0.01, 512, (), prompt_head_sha256="h")

    def job(**changes):
        settings = {
            "cache": SimpleNamespace(answers=True, max_mb=1),
            "training": SimpleNamespace(max_text_tokens=24),
            "decoding": SimpleNamespace(decoder="verified", max_new_tokens=9, partial=False),
            "threads": 1,
        }
        model = SimpleNamespace(weights_sha256="w", tokenizer_sha256="t", config_sha256="c")
        parts = {"model": model, "config": SimpleNamespace(**settings)}
        for name, value in changes.items():
            room, key = name.split("__")
            target = parts["model"] if room == "model" else getattr(parts["config"], room)
            setattr(target, key, value)
        return SimpleNamespace(**parts, say=None)

    monkeypatch.setattr(cache_facts, "device_facts", lambda lm: lm)

    def key(made=None, lm=("cpu", "AVX2"), adapter="a", certified=certificate, dtype="float32"):
        device = dict(zip(("device", "kind"), lm, strict=True))
        return cache_facts.answer_cache(
            made or job(), device, adapter, certified, dtype, tmp_path
        ).facts.key

    keys = [
        key(),
        key(job(model__weights_sha256="w2")),
        key(job(model__tokenizer_sha256="t2")),
        key(job(model__config_sha256="c2")),
        key(job(training__max_text_tokens=25)),
        key(job(decoding__decoder="canonical")),
        key(job(decoding__max_new_tokens=10)),
        key(job(decoding__partial=True)),
        key(dtype="bfloat16"),
        key(adapter="b"),
        key(lm=("cuda", "AVX2")),
        key(lm=("cpu", "AVX512")),
        key(certified=replace(certificate, prompt_head_sha256="h2")),
        key(certified=replace(certificate, prompt_tail="x")),
        key(certified=replace(certificate, tie_margin=0.02)),
    ]
    threads = job()
    threads.config.threads = 2
    keys.append(key(threads))
    monkeypatch.setattr(cache_facts, "code_sha256", lambda: "0")
    keys.append(key())
    monkeypatch.setattr(cache_facts, "package_versions", lambda: {"torch": "9"})
    keys.append(key())
    monkeypatch.setattr(cache_facts, "machine", lambda: {"system": "X", "architecture": "arm"})
    keys.append(key())
    assert len(set(keys)) == len(keys) == 19
    off = job(cache__answers=False)
    assert cache_facts.answer_cache(off, {}, "a", certificate, "float32", tmp_path) is None


def test_the_file_says_what_it_depends_on(cache):
    cache.store(zip(ROWS, KEPT, strict=True))
    record = json.loads(cache.path.read_text(encoding="ascii"))
    assert record["facts"]["threads"] == 2
    assert cache.path.stem == cache.facts.key
