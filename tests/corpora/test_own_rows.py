"""A user's own files: what a mapping makes of them, and what is guessed."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.guess import guess_mapping, guess_space, is_row_file
from emoloom.corpora.labels import load_space
from emoloom.corpora.lines import text_group
from emoloom.corpora.own_rows import own_items
from emoloom.corpora.reading import ReadResult, collect
from emoloom.corpora.tables import format_of
from emoloom.errors import UserError
from emoloom.records import VAD, Answer, PartialVAD

SPACE = load_space("goemotions28")
RATED = {"valence": "v", "arousal": "a", "dominance": "d"}


def write(tmp_path: Path, text: str | bytes, name: str = "mine.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def read(path: Path, only: str | None = None, space=SPACE, **mapping) -> ReadResult:
    settings_ = MappingConfig.model_validate({"text": "text", **mapping}, strict=False)
    return collect(own_items(path, settings_, only or "train", space), only)


def test_labels_and_vad_of_one_csv(tmp_path):
    path = write(
        tmp_path,
        'id,text,emo,v,a,d\n7,"Hi, ""you""",Joy; love,9,1,5\n8,so so,,5,5,5\n9,sad,sadness,,,\n',
    )
    first, second, third = read(
        path, id="id", labels="emo", label_separator=";", vad_scale=(1, 9), **RATED
    ).rows
    assert (first.id, first.source, first.split) == ("mine/7", "mine", "train")
    assert first.text == 'Hi, "you"'
    assert first.answer.labels == ("joy", "love"), "in the names and the order of the space"
    assert first.answer.vad == VAD(1.0, 0.0, 0.5)
    assert (first.vad_source, first.group) == ("human", text_group("hi you"))
    assert (second.answer.labels, second.answer.vad) == (None, VAD(0.5, 0.5, 0.5))
    assert (third.answer.vad, third.vad_source) == (None, None)


def test_a_record_keeps_the_ratings_that_it_has(tmp_path):
    path = write(tmp_path, "text,emo,v,a,d\nhi,joy,1,,5\nho,,, ,3\nha,,,,\nhe,joy,,,\n")
    result = read(path, labels="emo", vad_scale=(1, 5), **RATED)
    assert [row.answer.vad for row in result.rows] == [
        PartialVAD(0.0, None, 1.0),
        PartialVAD(None, None, 0.5),
        None,
    ]
    assert [row.vad_source for row in result.rows] == ["human", "human", None]
    assert ["neither a label nor VAD" in bad.reason for bad in result.rejected] == [True]


@pytest.mark.parametrize(
    ("columns", "vad"),
    [
        ({"valence": "v"}, PartialVAD(0.0, None, None)),
        ({"arousal": "a"}, PartialVAD(None, 0.5, None)),
        ({"dominance": "d"}, PartialVAD(None, None, 1.0)),
        ({"valence": "v", "dominance": "d"}, PartialVAD(0.0, None, 1.0)),
    ],
)
def test_any_of_the_dimensions_may_be_mapped_alone(tmp_path, columns, vad):
    path = write(tmp_path, "text,v,a,d\nhi,1,3,5\n")
    (row,) = read(path, vad_scale=(1, 5), **columns).rows
    assert row.answer == Answer(None, vad, "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", 'text\temo\nsay "hi\tjoy,love\n'),
        ("a.jsonl", '{"text": "say \\"hi", "emo": ["love", "joy"], "more": {"x": 1}}\n'),
        ("a.jsonl", '{"text": "say \\"hi", "emo": "joy,love"}\n'),
        ("a.csv", '\ufefftext,emo\r\n"say ""hi","joy,love"\r\n'),
        ("a.txt", 'text\temo\nsay "hi\tjoy,love\n'),
    ],
)
def test_every_format_gives_the_same_row(tmp_path, name, text):
    (row,) = read(write(tmp_path, text, name), labels="emo").rows
    assert (row.text, row.answer.labels) == ('say "hi', ("joy", "love"))


def test_parquet_gives_the_same_rows(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table(
        {
            "text": ["hi", None, "ho"],
            "emo": [["joy"], ["joy"], ["rage"]],
            "n": [1, 2, 3],
        }
    )
    parquet.write_table(table, tmp_path / "x.parquet")
    result = read(tmp_path / "x.parquet", labels="emo", id="n")
    assert [(row.id, row.answer.labels) for row in result.rows] == [("x/1", ("joy",))]
    assert [bad.line for bad in result.rejected] == [2, 3]
    assert "text = None" in result.rejected[0].reason
    assert format_of(tmp_path / "x.parquet") == "parquet"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,hi", "2 columns; allowed: 6, as in the header"),
        ("1,hi,joy,1,2,3,x", "7 columns"),
        ("", "an empty line"),
        ("1,,joy,1,2,3", "an empty text"),
        ("1,hi,rage,1,2,3", "the label 'rage'; allowed: the names of goemotions28"),
        ("1,hi,joy;JOY,1,2,3", "each label once"),
        ("1,hi,,,,", "neither a label nor VAD"),
        ("1,hi,joy,0.9,2,3", "v = '0.9'; allowed: 1 to 5"),
        ("1,hi,joy,nan,2,3", "v = 'nan'; allowed: a number"),
        ("1,hi,joy,1,inf,3", "a = 'inf'; allowed: a number"),
        ("1,hi,joy,1, ,?", "d = '?'; allowed: a number"),
        ("ok,hi,joy,1,2,3", "the id 'mine/ok' again"),
        (" ,hi,joy,1,2,3", "id = ''"),
        ('1,"hi"x,joy,1,2,3', "no CSV record"),
        ("1,h\0i,joy,1,2,3", "a NUL"),
    ],
)
def test_what_is_turned_away_and_why(tmp_path, line, reason):
    path = write(tmp_path, f"id,text,emo,v,a,d\nok,fine,joy,1,2,3\n{line}\nlast,ok,joy,1,2,3\n")
    result = read(path, id="id", labels="emo", label_separator=";", vad_scale=(1, 5), **RATED)
    (bad,) = result.rejected
    assert reason in bad.reason
    assert (bad.line, bad.source) == (3, "mine.csv")
    assert [row.id for row in result.rows] == ["mine/ok", "mine/last"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("[1]", "allowed: a JSON object"),
        ('{"text": "a", "text": "b", "emo": "joy"}', "twice"),
        ('{"text": 5, "emo": "joy"}', "text = 5; allowed: text"),
        ('{"emo": "joy"}', "text = None"),
        ('{"text": "a\\ud800", "emo": "joy"}', "half a character"),
        ('{"text": "a", "emo": 3}', "labels = 3"),
        ('{"text": "a", "emo": [["joy"]]}', "labels = "),
        ('{"text": "a", "emo": "joy"', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"text": "a", "emo": "joy", "v": true, "a": 1, "d": 1}', "v = True; allowed: a number"),
        ('{"text": "a", "emo": "joy", "v": NaN, "a": 1, "d": 1}', "v = nan; allowed: a number"),
        (json.dumps({"text": "x" * 200_000, "emo": "joy"}), "a text of 200000 characters"),
    ],
)
def test_json_that_is_turned_away(tmp_path, record, reason):
    sound = '{"text": "fine", "emo": "joy", "v": 0, "a": 0, "d": 1}'
    path = write(tmp_path, f"{sound}\n{record}\n", "mine.jsonl")
    result = read(path, labels="emo", **RATED)
    assert reason in result.rejected[0].reason
    assert [row.id for row in result.rows] == ["mine/1"]


def test_splits_by_column_in_any_spelling(tmp_path):
    path = write(
        tmp_path,
        "text,emo,set\na,joy,Train\nb,joy,validation\nc,joy,VALID\nd,joy,test\ne,joy,holdout\n"
        "f,rage,dev\n",
    )
    dev = read(path, "dev", labels="emo", split="set")
    assert [row.text for row in dev.rows] == ["b", "c"]
    # What cannot be told belongs to every split; a bad label is its own split's concern.
    assert [bad.line for bad in dev.rejected] == [6, 7]
    assert dev.other_split == 2
    assert [bad.line for bad in read(path, "train", labels="emo", split="set").rejected] == [6]


def test_splits_by_hash_keep_groups_whole_and_stay(tmp_path):
    lines = [f"text {n},joy,writer {n // 5}" for n in range(1000)]
    path = write(tmp_path, "text,emo,who\n" + "\n".join(lines) + "\n")
    shares = {"labels": "emo", "group": "who", "split_shares": (70, 20, 10)}
    rows = {split: read(path, split, **shares).rows for split in ("train", "dev", "test")}
    assert sum(map(len, rows.values())) == 1000
    assert 600 < len(rows["train"]) < 800
    groups = [{row.group for row in found} for found in rows.values()]
    assert len(set().union(*groups)) == sum(map(len, groups)) == 200
    path.write_text("text,emo,who\nnew,joy,nobody\n" + "\n".join(lines) + "\n", encoding="utf-8")
    again = {row.text for row in read(path, "dev", **shares).rows}
    assert {row.text for row in rows["dev"]} <= again


def test_without_a_split_the_set_takes_the_whole_file(tmp_path):
    path = write(tmp_path, "text,emo\na,joy\n")
    assert {row.split for row in read(path, "dev", labels="emo").rows} == {"dev"}


def test_a_column_that_is_not_there_is_said_with_those_that_are(tmp_path):
    path = write(tmp_path, "text,emo\na,joy\n")
    with pytest.raises(
        UserError, match=r"got: labels: emotion, group: who; allowed: text, emo; do: mend"
    ):
        read(path, labels="emotion", group="who")


@pytest.mark.parametrize("header", ["text,text", "text,", "", '"a"b,c'])
def test_a_header_must_name_columns(tmp_path, header):
    with pytest.raises(UserError, match="has no line of column names"):
        read(write(tmp_path, f"{header}\na,joy\n"), labels="text")


@pytest.mark.parametrize(
    ("settings_", "fault"),
    [
        ({"text": "t"}, "name a column of labels"),
        ({"text": "t", "vad_scale": [1, 5]}, "or of valence, arousal or dominance"),
        ({"text": "t", "labels": "l", "vad_scale": [5, 1]}, "must be"),
        ({"text": "t", "labels": "l", "split_shares": [50, 40, 20]}, "make 100"),
        ({"text": "t", "labels": "l", "split_shares": [110, -10, 0]}, "make 100"),
        ({"text": "t", "labels": "l", "split": "s", "split_shares": [80, 10, 10]}, "not both"),
        ({"labels": "l"}, "text"),
    ],
)
def test_a_mapping_at_fault(settings_, fault):
    with pytest.raises(ValidationError, match=fault):
        MappingConfig.model_validate_json(json.dumps(settings_))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_counts_in_are_counts_out_whatever_the_bytes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "x.jsonl"
    path.write_bytes(b'{"text": "t", "emo": "joy"}\n' + data)
    try:
        data.decode()
    except UnicodeDecodeError:
        with pytest.raises(UserError):
            read(path, labels="emo")
        return
    result = read(path, labels="emo")
    lines = data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    assert len(result.rows) + len(result.rejected) == result.lines_in == 1 + lines


# Guesses


def test_a_guess_of_names_separator_and_scale(tmp_path):
    path = write(
        tmp_path,
        "comment_id,Comment,Emotion,Valence,Arousal,Dominance,set\n"
        "1,I love it,joy|love,7.5,5,5,train\n2,I hate it,anger,2,8,5,dev\n",
    )
    guess = guess_mapping(path, SPACE)
    assert guess == MappingConfig(
        format="csv",
        text="Comment",
        id="comment_id",
        labels="Emotion",
        label_separator="|",
        valence="Valence",
        arousal="Arousal",
        dominance="Dominance",
        vad_scale=(1.0, 9.0),
        split="set",
    )
    assert collect(own_items(path, guess, "train", SPACE)).lines_in == 2
    assert guess_space(path, guess) == SPACE


@pytest.mark.parametrize(
    ("header", "line", "rated"),
    [
        ("text,valence,arousal", "a text,4,2", ("valence", "arousal")),
        ("text,label,arousal", "a text,joy,4", ("arousal",)),
        ("text,V,A", "a text,4,2", ("valence", "arousal")),
        ("review,stars", "a text that is long,5", ("valence",)),
        ("review,Star_Rating,label", "a text that is long,5,joy", ("valence",)),
        # One letter alone, or words, are no ratings.
        ("text,label,a,d", "a text,joy,4,4", ()),
        ("text,label,valence", "a text,joy,positive", ()),
    ],
)
def test_the_ratings_that_there_are_are_guessed(tmp_path, header, line, rated):
    guess = guess_mapping(write(tmp_path, f"{header}\n{line}\n{line}\n"), None)
    assert guess.rated == rated
    assert guess.labels == ("label" if "label" in header else None)
    assert guess.vad_scale == ((1.0, 5.0) if rated else (0.0, 1.0))


@pytest.mark.parametrize(
    ("ratings", "scale"),
    [
        ((0.1, 0.9), (0.0, 1.0)),
        ((-0.4, 0.9), (-1.0, 1.0)),
        ((1, 4.5), (1.0, 5.0)),
        ((1, 6), (1.0, 7.0)),
        ((1, 9), (1.0, 9.0)),
        ((0, 9), (0.0, 10.0)),
        ((3, 88), (0.0, 100.0)),
    ],
)
def test_the_narrowest_usual_scale_is_guessed(tmp_path, ratings, scale):
    low, high = ratings
    path = write(tmp_path, f"text,v,a,d\na text,{low},{high},{low}\n")
    assert guess_mapping(path, None).vad_scale == scale


def test_a_column_of_long_texts_needs_no_name(tmp_path):
    path = write(tmp_path, "what,was,label\nI am very glad of it,x,joy\n")
    assert guess_mapping(path, None).text == "what"
    # A column called `set` that holds no splits is none.
    path = write(tmp_path, "text,set,label\nI am glad,blue,joy\n")
    assert guess_mapping(path, None).split is None


@pytest.mark.parametrize("header", ["text,b", "a,label"])
def test_what_cannot_be_guessed_is_asked_for(tmp_path, header):
    with pytest.raises(UserError, match=r"no column of .* is found; got: .*name the columns in"):
        guess_mapping(write(tmp_path, f"{header}\nx,y\n"), None)


def test_the_label_space_is_guessed_from_the_labels(tmp_path):
    for label, name in (("nostalgic", "empathetic32"), ("anger", "ekman7"), ("pride", None)):
        path = write(tmp_path, f"text,label\na text,{label}\n")
        found = guess_space(path, guess_mapping(path, None))
        assert found is not None
        assert name is None or found.name == name
    path = write(tmp_path, "text,label\na text,Wut\n")
    assert guess_space(path, guess_mapping(path, None)) is None
    (row,) = read(path, labels="label", space=None).rows
    assert row.answer.labels == ("Wut",)


def test_rows_of_our_own_form_need_no_mapping(tmp_path):
    line = json.dumps({"id": "a", "text": "t", "answer": {"labels": ["joy"], "vad": None}})
    assert is_row_file(write(tmp_path, line + "\n", "x.jsonl"))
    assert not is_row_file(write(tmp_path, '{"id": "a", "text": "t"}\n', "y.jsonl"))
    assert not is_row_file(write(tmp_path, "id,answer\n", "z.csv"))
