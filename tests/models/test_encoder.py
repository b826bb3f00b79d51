"""Vectors of a frozen encoder: against BERT's formula in numpy, whatever shares a forward."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from emoloom.errors import UserError
from emoloom.models import encoder as room
from emoloom.models.encoder import BATCH, Encoder, embed, encode, load_encoder
from emoloom.models.logits import ModelError
from tiny_encoder import VOCABULARY, bert_vectors, write_json, write_tiny_bert

TEXTS = ["You love the day!", "Not good.", "zxq, you was bad", "sad", "the " * 40 + "fear"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("encoder") / "tiny-bert")


@pytest.fixture(scope="module")
def encoder(folder) -> Encoder:
    return load_encoder(folder, name="tiny")


def words(*tokens: str) -> list[int]:
    return [VOCABULARY.index(token) for token in ("[CLS]", *tokens, "[SEP]")]


def test_the_vectors_are_those_of_berts_formula(encoder, folder):
    ids, cut = encode(encoder, TEXTS)
    assert ids[0] == words("you", "love", "the", "day", "!")
    assert cut == 0
    got = embed(encoder, TEXTS).vectors_ND
    np.testing.assert_allclose(got, bert_vectors(folder, ids), atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1.0, atol=1e-6)
    assert got.dtype == np.float32


def test_a_vector_depends_on_its_own_text_alone(encoder):
    """Neither on what it is padded to, nor on where it stands, over more than one batch."""
    many = [TEXTS[at % len(TEXTS)] for at in range(BATCH + 7)]
    together = embed(encoder, many).vectors_ND
    for at, text in enumerate(many):
        np.testing.assert_allclose(together[at], embed(encoder, [text]).vectors_ND[0], atol=2e-6)
    assert np.array_equal(embed(encoder, many).vectors_ND, together)
    assert embed(encoder, []).vectors_ND.shape == (0, 32)


def test_each_batch_is_told_and_every_position_charged(encoder):
    positions, told = [], []
    counted = Encoder(encoder.model, encoder.tokenizer, "tiny", 64, positions.append)
    embed(counted, ["sad"] * BATCH + ["sad day was bad"], told.append)
    assert told == [BATCH, 1]
    assert positions == [BATCH * 6, 3]  # the longest comes first, and pads the others


def test_a_long_text_is_cut_at_what_the_encoder_reads_and_counted(encoder, folder):
    """tokenizer.json states 8: neither that length nor its padding is in force."""
    assert encoder.most_tokens == 64  # of 66 positions
    long = "bad " * 70
    made = embed(encoder, [long, "sad", "bad " * 62])
    assert made.cut == 1
    assert [len(ids) for ids in encode(encoder, [long, "sad", "bad " * 62])[0]] == [64, 3, 64]
    wanted = bert_vectors(folder, [words(*["bad"] * 62)])[0]
    np.testing.assert_allclose(made.vectors_ND[0], wanted, atol=2e-6)
    np.testing.assert_allclose(made.vectors_ND[2], wanted, atol=2e-6)


def test_no_text_is_read_past_256_tokens(encoder):
    roomy = type("T", (), {"model_max_length": 10**30})()
    model = type("M", (), {"config": type("C", (), {"max_position_embeddings": 8192})()})()
    assert room._longest(model, roomy) == room.MOST_TOKENS == 256


def test_a_text_holds_text_and_no_token_of_the_tokenizers_own(encoder):
    ids = encode(encoder, ["sad [SEP] [MASK] day"])[0][0]
    inner = ids[1:-1]
    assert not {VOCABULARY.index(t) for t in ("[SEP]", "[MASK]", "[CLS]", "[PAD]")} & set(inner)
    assert VOCABULARY.index("[") in inner


@pytest.mark.parametrize("text", ["", " \n", "\ud800", "😀", "\x00", "\u2028"])
def test_any_text_has_a_vector(encoder, text):
    assert np.linalg.norm(embed(encoder, [text, "sad"]).vectors_ND[0]) == pytest.approx(1.0)


def test_a_missing_pooler_is_not_missed_for_it_is_not_asked(tmp_path, encoder):
    other = load_encoder(write_tiny_bert(tmp_path / "bare", pooler=False), name="bare")
    assert np.array_equal(embed(other, TEXTS).vectors_ND, embed(encoder, TEXTS).vectors_ND)


def _without(tensors):
    del tensors["encoder.layer.1.output.dense.weight"]


def _nan(tensors):
    tensors["encoder.layer.0.output.dense.bias"][3] = np.nan


def _fewer_words(tensors):
    name = "embeddings.word_embeddings.weight"
    tensors[name] = tensors[name][:-1].copy()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_without, "1 tensors are missing, e.g. encoder.layer.1.output.dense.weight"),
        (_nan, "encoder.layer.0.output.dense.bias holds numbers that are NaN or infinite"),
        (_fewer_words, "1 tensors have another shape"),
    ],
)
def test_weights_that_are_not_whole_are_refused(tmp_path, harm, said):
    """transformers would fill them with random numbers and say nothing."""
    folder = write_tiny_bert(tmp_path / "bert")
    tensors = load_file(folder / "model.safetensors")
    harm(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="bad does not load as an encoder of texts") as error:
        load_encoder(folder, name="bad")
    assert said in str(error.value)


def test_a_tokenizer_with_more_words_than_the_weights_is_refused(tmp_path):
    folder = write_tiny_bert(tmp_path / "bert")
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["more"] = len(VOCABULARY)
    write_json(path, tokenizer)
    with pytest.raises(UserError, match=f"ids beyond the {len(VOCABULARY)} of its weights"):
        load_encoder(folder, name="bad")


def test_a_vector_that_is_no_number_fails_the_encoder(folder):
    encoder = load_encoder(folder, name="tiny")
    with torch.no_grad():
        encoder.model.embeddings.LayerNorm.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="tiny gives a text a vector that is NaN, infinite or 0"):
        embed(encoder, ["sad"])
