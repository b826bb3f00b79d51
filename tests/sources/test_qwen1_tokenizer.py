"""Ids of the converted tokenizer against those of tiktoken, which the original runs."""

import base64
import re

import pytest

from emoloom.contract.prompt import make_prompter
from emoloom.errors import UserError
from emoloom.sources.qwen1_tokenizer import SPECIAL, VOCABULARY, make_tokenizer, read_ranks
from qwen1_maker import BYTES, pieces
from tiny_lm import SPACE

MADE_UP = pieces(
    *(b"  ", b"    ", b"in", b" t", b"he", b" the", b"an", b" a", b"on", b"re", b"\n\n", b"or"),
    *(b"ll", b"'s", b"'t", b"n't", b" do", b" don", b"ing", b" l", b"ov", b"ove", b" love", b"00"),
    *(b"0.", b"('", b"\xc3\xa9", b"caf", b"caf\xc3\xa9", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80"),
    *(b"\xe4\xbd", b"\xe4\xbd\xa0", b"\xe5\xa5\xbd", b"\xe4\xbd\xa0\xe5\xa5\xbd", b"aa", b"aaa"),
    *(b"aaaa", b".\n", b"   ", b'":', b'{"', b"ab", b"bc", b"abc", b"\t\t"),
)
"""The bytes, and pieces that overlap: ids 0 to 301."""

# tiktoken 0.14.0: `Encoding(pat_str=PAT_STR, mergeable_ranks=MADE_UP, special_tokens=...)`, with
# PAT_STR of tokenization_qwen.py, on `unicodedata.normalize("NFC", text)`, `allowed_special="all"`.
GOLDEN = {
    "I love this puppy, don't you?": [
        *(40, 278, 259, 71, 72, 82, 126, 79, 84, 79, 79, 88, 11),
        *(273, 270, 126, 88, 78, 84, 30),
    ],
    "HE'LL say it's 'S": [
        *(39, 36, 6, 43, 43, 126, 82, 64, 88, 126, 72, 83, 269, 126, 6, 50),
    ],
    "in 2024: 0.53 and 100": [
        *(258, 126, 17, 15, 17, 19, 25, 126, 15, 13, 20, 18),
        *(126, 262, 67, 126, 16, 15, 15),
    ],
    "a  b   c     d      e": [
        *(64, 126, 126, 65, 256, 126, 66, 257, 126, 67, 257, 126, 126, 68),
    ],
    " \n\n x \t\t y\n \nz   ": [
        *(126, 266, 126, 87, 126, 301, 126, 88, 104, 126, 104, 89, 295),
    ],
    "naïve café cafe\u0301 你好 😀 ½ ٣": [
        *(77, 64, 195, 175, 85, 68, 126, 66, 64, 69, 282, 126, 66, 64, 69, 282, 126, 288, 229),
        *(165, 189, 126, 240, 159, 152, 128, 126, 194, 189, 126, 217, 163),
    ],
    '{"labels":["joy"],"vad":{"v":0.83}}\n': [
        *(297, 75, 298, 68, 75, 82, 296, 58, 1, 73, 78, 88, 1, 60, 11, 1, 85, 64, 67, 296, 297, 85),
        *(296, 15, 13, 23, 18, 92, 92, 104),
    ],
    "aaaaaaa abcbc babc aab": [293, 292, 263, 299, 299, 126, 65, 300, 263, 298],
    "<|im_start|>user\nhi<|im_end|><|extra_204|> <|extra_205|>": [
        *(303, 84, 82, 68, 81, 104, 71, 72, 304, 509, 126),
        *(27, 91, 68, 87, 83, 81, 64, 62, 17, 15, 20, 91, 29),
    ],
}
# The same with `allowed_special=set()`.
PLAIN = ("<|im_end|>", [27, 91, 72, 76, 62, 68, 77, 67, 91, 29])


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer({token: rank for rank, token in enumerate(MADE_UP)}, chat=True)


@pytest.mark.parametrize("text", GOLDEN)
def test_ids_are_those_of_tiktoken(tokenizer, text):
    assert tokenizer(text)["input_ids"] == GOLDEN[text]


def test_special_tokens_follow_in_their_order(tokenizer):
    """With 151,643 ordinary tokens: 151643, 151644, 151645, and 151646 to 151850."""
    first = len(MADE_UP)
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL)) == list(range(first, first + 208))
    assert SPECIAL[:4] == ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|extra_0|>")
    assert SPECIAL[-1] == "<|extra_204|>"
    assert len(tokenizer) == first + 208


def test_special_tokens_in_a_text_are_plain_characters(tokenizer):
    name, ids = PLAIN
    prompter = make_prompter(tokenizer, SPACE)
    of_text = prompter.prompt(name).ids[: -len(prompter.tail_ids)]
    assert list(of_text[-len(ids) :]) == ids
    hostile = prompter.prompt(" ".join(SPECIAL)).ids[: -len(prompter.tail_ids)]
    assert max(hostile) < len(MADE_UP)
    assert prompter.end_id == len(MADE_UP) + 2


def lines(*tokens: bytes) -> list[bytes]:
    return [b"%s %d" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens)]


def write(folder, written: list[bytes]):
    (folder / VOCABULARY).write_bytes(b"\n".join(written))
    return folder


def test_the_file_is_read_as_the_original_reads_it(tmp_path):
    write(tmp_path, [b"", *reversed(lines(*MADE_UP)), b"", b""])
    assert read_ranks(tmp_path, "x") == {token: rank for rank, token in enumerate(MADE_UP)}
    crlf = b"\r\n".join(lines(*MADE_UP))
    (tmp_path / VOCABULARY).write_bytes(crlf)
    assert len(read_ranks(tmp_path, "x")) == len(MADE_UP)


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        (b"<!doctype html>", "line 257: b'<!doctype html>'"),
        (b"aGVsbG8=", "line 257: b'aGVsbG8='"),
        (b"aGVsbG8= 256 1", "line 257: b'aGVsbG8= 256 1'"),
        (b"aGVsbG8= -1", "line 257: b'aGVsbG8= -1'"),
        (b"aGVsbG8 256", "line 257: b'aGVsbG8 256'"),
        (b"aGVs*bG8= 256", "line 257: b'aGVs*bG8= 256'"),
        (b" 256", "line 257: b' 256'"),
        (b"\xff\xfe 256", "line 257: b'\\xff\\xfe 256'"),
        (b"x" * 500, f"line 257: b'{'x' * 60}'; "),
        (b"IQ== 256", "line 257: a token for the second time"),
        (b"aGVsbG8= 257", "257 tokens with gaps in their ranks"),
        (b"aGVsbG8= 0", "257 tokens with gaps in their ranks"),
        (b"aGVsbG8= " + b"9" * 5000, "line 257: b'aGVsbG8= 999"),
    ],
)
def test_a_line_that_cannot_be_meant(tmp_path, bad, got):
    write(tmp_path, [*lines(*BYTES), bad])
    pattern = rf"^qwen\.tiktoken of x cannot be read; got: {re.escape(got)}.*; do: fetch it again"
    with pytest.raises(UserError, match=pattern):
        read_ranks(tmp_path, "x")


def test_files_that_are_no_vocabulary(tmp_path):
    with pytest.raises(UserError, match=r"^x holds no tokenizer; got: no qwen\.tiktoken; allowed"):
        read_ranks(tmp_path, "x")
    write(tmp_path, [])
    with pytest.raises(UserError, match="got: a byte without a token"):
        read_ranks(tmp_path, "x")
    with (tmp_path / VOCABULARY).open("wb") as file:
        file.truncate(100 << 20)  # a hole, which takes no room
    with pytest.raises(UserError, match="got: 104857600 bytes; allowed: at most 67108864 bytes"):
        read_ranks(tmp_path, "x")
