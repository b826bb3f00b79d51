"""One line of a dataset file: the contract's row object, checked key by key."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from emoloom.corpora.lines import (
    MAX_NAME_CHARS,
    BadLineError,
    check_length,
    shown,
    text_group,
)
from emoloom.corpora.reading import SPLITS
from emoloom.records import (
    MAX_RATIONALE_WORDS,
    VAD,
    Answer,
    LabelSpace,
    RatedVAD,
    Row,
    VadSource,
    VadSources,
    join_sources,
    make_vad,
)

_quoted = json.encoder.encode_basestring
"""A JSON string, quotes and all; characters beyond ASCII stay as they are."""

_ROW_KEYS = ("id", "text", "answer", "source", "split", "vad_source", "group")
_ANSWER_KEYS = ("labels", "vad", "rationale")
_VAD_KEYS = ("v", "a", "d")


def parse_row(line: str, space: LabelSpace, *, default_source: str, need_answer: bool) -> Row:
    """Build the row of one JSON line; see `readers.read_rows` for the defaults.

    Raises:
        BadLineError: what was got and what is allowed.
    """
    record = _object(decode_json(line), "the row", _ROW_KEYS)
    key, text = _string(record, "id"), _string(record, "text", "")
    _check_name("id", key)
    check_length(text)
    answer = _answer(record.get("answer"), space, need_answer)
    source = _string(record, "source", default_source)
    _check_name("source", source)
    split = _string(record, "split", "test")
    if split not in SPLITS:
        raise BadLineError(f"split {shown(split)}", ", ".join(SPLITS))
    group = _string(record, "group") if "group" in record else _group(key, text)
    if len(group) > MAX_NAME_CHARS:
        raise BadLineError(f"group = {shown(group)}", "not long")
    vad_source = _vad_source(record.get("vad_source"), answer.vad)
    return Row(key, text, answer, source, split, vad_source, group)


def _group(key: str, text: str) -> str:
    return text_group(text) if text.strip() else f"id:{key}"


def row_line(row: Row) -> bytes:
    """The line of a dataset file that holds a row: what `directory.dumps` makes of `to_dict`.

    Written out by hand, since a million rows pass here twice.
    """
    answer, vad = row.answer, row.answer.vad
    labels = "null" if answer.labels is None else f"[{','.join(map(_quoted, answer.labels))}]"
    rated, by = "null", "null"
    if isinstance(vad, VAD):
        rated = f'{{"v":{vad.v!r},"a":{vad.a!r},"d":{vad.d!r}}}'
    elif vad is not None:
        rated = _plain(asdict(vad))
    if isinstance(row.vad_source, VadSources):
        by = _plain(asdict(row.vad_source))
    elif row.vad_source is not None:
        by = f'"{row.vad_source}"'
    text = (
        f'{{"id":{_quoted(row.id)},"text":{_quoted(row.text)},"answer":{{"labels":{labels},'
        f'"vad":{rated},"rationale":{_quoted(answer.rationale)}}},"source":{_quoted(row.source)},'
        f'"split":"{row.split}","vad_source":{by},"group":{_quoted(row.group)}}}\n'
    )
    return text.encode("utf-8")


def _plain(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


_PLAIN = json.JSONDecoder()
_ONE_A_LINE = "one JSON object a line"


def row_of_line(line: bytes) -> Row:
    """The row of a line that `row_line` wrote: nothing is checked again."""
    record, _ = _PLAIN.raw_decode(line.decode("utf-8"))
    given = record["answer"]
    labels = None if given["labels"] is None else tuple(given["labels"])
    vad, by = given["vad"], record["vad_source"]
    record["answer"] = Answer(labels, vad and make_vad(**vad), given["rationale"])
    record["vad_source"] = VadSources(**by) if isinstance(by, dict) else by
    return Row(**record)


def decode_json(line: str) -> Any:
    """The JSON value of a line, in which no object has a key twice.

    Raises:
        BadLineError: it is no JSON.
    """
    try:
        return _DECODER.decode(line)
    except BadLineError:
        raise
    # A number of thousands of digits is a ValueError, a deep nest a RecursionError.
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            rest = shown(line[error.pos :].lstrip())
            raise BadLineError(f"{rest} behind the line's object", _ONE_A_LINE) from None
        raise BadLineError(f"no JSON: {shown(line)}", _ONE_A_LINE) from None


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key in record if counts[key] > 1)
        raise BadLineError(f"the key {shown(twice)} twice", "each key once")
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_no_repeats)


def _object(value: Any, what: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadLineError(f"{what} = {shown(value)}", "a JSON object")
    extra = [key for key in value if key not in keys]
    if extra:
        raise BadLineError(f"the key {shown(extra[0])} in {what}", ", ".join(keys))
    return value


def _string(record: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = record.get(key, default)
    if value is None and key not in record:
        raise BadLineError(f"no key {key!r}", "it must be there")
    if not isinstance(value, str):
        raise BadLineError(f"{key} = {shown(value)}", "a string")
    if "\0" in value:
        raise BadLineError(f"a NUL character in {key}", "text")
    if not is_encodable(value):
        raise BadLineError(f"half a character (a lone surrogate) in {key}", "text")
    return value


def is_encodable(value: str) -> bool:
    """Whether a file can hold the text: JSON can write half of a surrogate pair."""
    if value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_name(what: str, value: str) -> None:
    if not value.strip() or not value.isprintable() or len(value) > MAX_NAME_CHARS:
        raise BadLineError(f"{what} = {shown(value)}", "printable, not empty, not long")


def _answer(value: Any, space: LabelSpace, needed: bool) -> Answer:
    if value is None and not needed:
        return Answer(None, None, "")
    if value is None:
        raise BadLineError("no answer", "an object with labels, vad, rationale")
    record = _object(value, "the answer", _ANSWER_KEYS)
    if needed and not {"labels", "vad"} & record.keys():
        raise BadLineError("an answer with neither labels nor vad", "at least one, or null")
    labels, vad = _labels(record.get("labels"), space), _vad(record.get("vad"))
    return Answer(labels, vad, _rationale(record))


def _labels(value: Any, space: LabelSpace) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise BadLineError(f"labels = {shown(value)}", "a list of at least one name, or null")
    for label in value:
        if not isinstance(label, str) or label not in space.labels:
            names = tuple(one for one in value if isinstance(one, str))
            raise BadLineError(f"the label {shown(label)}", f"the names of {space.name}", names)
    if len(set(value)) != len(value):
        raise BadLineError(f"labels = {shown(value)}", "each label once")
    return tuple(label for label in space.labels if label in value)


def _vad(value: Any) -> RatedVAD | None:
    if value is None:
        return None
    record = _object(value, "vad", _VAD_KEYS)
    vad = make_vad(*(_unit(record, key) for key in _VAD_KEYS))
    if vad is None:
        raise BadLineError("a vad without any rating", "at least one number, or null instead of it")
    return vad


def _unit(record: Mapping[str, Any], key: str) -> float | None:
    """A rating, or None for null; the key itself must be there."""
    value = record.get(key)
    if value is None and key in record:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        got = f"vad.{key} = {shown(value)}" if key in record else f"a vad without {key!r}"
        raise BadLineError(got, "a number from 0 to 1, or null")
    if not 0 <= value <= 1:
        raise BadLineError(f"vad.{key} = {shown(value)}", "0 to 1")
    # Adding 0.0 turns -0.0 into 0.0.
    return float(value) + 0.0


def _rationale(record: Mapping[str, Any]) -> str:
    text = _string(record, "rationale", "")
    if '"' in text or (text and text.splitlines() != [text]):
        raise BadLineError(f"rationale = {shown(text)}", "no newline and no double quote")
    if len(text.split()) > MAX_RATIONALE_WORDS:
        raise BadLineError(
            f"a rationale of {len(text.split())} words", f"at most {MAX_RATIONALE_WORDS}"
        )
    return text


def _vad_source(value: Any, vad: RatedVAD | None) -> VadSource | VadSources | None:
    if vad is None:
        if value is not None:
            raise BadLineError(f"vad_source = {shown(value)} without a vad", "null")
        return None
    if isinstance(value, dict):
        return _each_source(value, vad)
    return "human" if value is None else _source(value, "vad_source")


def _each_source(value: Any, vad: RatedVAD) -> VadSource | VadSources | None:
    """One source for each dimension; where all have the same, that one."""
    record = _object(value, "vad_source", _VAD_KEYS)
    found: list[VadSource | None] = []
    for key, rating in zip(_VAD_KEYS, vad.as_tuple(), strict=True):
        given = record.get(key)
        if rating is None and given is not None:
            raise BadLineError(f"vad_source.{key} = {shown(given)} without vad.{key}", "null")
        found.append(None if rating is None else _source(given, f"vad_source.{key}"))
    return join_sources(*found)


def _source(value: Any, name: str) -> VadSource:
    if value not in ("human", "weak"):
        raise BadLineError(f"{name} = {shown(value)}", "human, weak")
    return cast(VadSource, value)
