"""Model folders whose config, tokenizer or chat template cannot be used, or is of another kind."""

import json
from collections.abc import Callable
from pathlib import Path

from bad_case import GET, NOT_JSON, Case, edit_json, model_case

TEMPLATE = "chat_template.jinja"
LOADS = "model does not load as a causal language model"
TURN = "the chat template does not render a user's turn"


def config(**changes: object) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "config.json", **changes)


def generation(**changes: object) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "generation_config.json", **changes)


def content(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def template(text: str) -> Callable[[Path], object]:
    return content(TEMPLATE, text.encode())


def one_token_more(folder: Path) -> None:
    """A word of the vocabulary whose id is the number of embeddings."""
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["zzzq"] = max(vocabulary.values()) + 1
    path.write_text(json.dumps(tokenizer), encoding="utf-8")


def no_end_token(folder: Path) -> None:
    (folder / TEMPLATE).unlink()
    edit_json(folder / "tokenizer_config.json", drop=("eos_token",))


def config_links_to_itself(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("config.json")


def own_code(folder: Path) -> None:
    edit_json(folder / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.Config"})
    (folder / "mine.py").write_text("raise SystemExit('the code was run')", encoding="utf-8")


CASES = (
    Case(
        "folder-empty",
        lambda here, sound: (here / "model").mkdir(),
        GET,
        ("is not a model folder", "got: no config.json", "allowed: config.json, safetensors"),
    ),
    model_case(
        "folder-adapter",
        content("adapter_config.json", b"{}"),
        *("is an adapter, not a whole model", "got: adapter_config.json", "do: merge the adapter"),
    ),
    model_case(
        "folder-config-no-json",
        content("config.json", NOT_JSON),
        *("config.json of ", "cannot be read", "got: JSONDecodeError", "allowed: a JSON object"),
    ),
    model_case(
        "folder-config-link-to-itself",
        config_links_to_itself,
        *("config.json of ", "cannot be read", "symbolic links", "fetch the file again"),
    ),
    model_case(
        "folder-config-of-wrong-types",
        config(hidden_size="64"),
        *(LOADS, "'hidden_size' expected int, got str", "do: check the folder"),
        load=True,
    ),
    model_case(
        "folder-config-impossible",
        config(hidden_size=65),
        *(LOADS, "(65) is not a multiple of the number of attention heads (4)", "do: check"),
        load=True,
    ),
    model_case(
        "folder-config-points-elsewhere",
        config(transformers_weights="adapter_model.bin"),
        *("config.json points to other files", "got: transformers_weights", "do: remove"),
    ),
    model_case(
        "folder-own-code",
        own_code,
        *("needs Python code of its own, which is not run", "got: model_type 'mine' with auto_map"),
        *("allowed: a model type that transformers itself has", "`trust_remote_code: true`"),
    ),
    model_case(
        "folder-unknown-type",
        config(model_type="mine"),
        *("does not know this model type", "got: model_type 'mine'", "do: choose another model"),
    ),
    model_case(
        "folder-t5",
        config(model_type="t5"),
        *("not a causal language model", "got: model_type 't5'", "allowed: for instance llama"),
    ),
    model_case(
        "folder-bert",
        config(model_type="bert", architectures=["BertForMaskedLM"]),
        *("not a causal language model", "got: architectures ['BertForMaskedLM']", "allowed: a"),
    ),
    model_case(
        "folder-classifier",
        config(architectures=["LlamaForSequenceClassification"]),
        *("not a causal language model", "got: architectures ['LlamaForSequence", "do: choose"),
    ),
    model_case(
        "folder-encoder-decoder",
        config(model_type="bart", is_encoder_decoder=True, architectures=None),
        *("not a causal language model", "got: is_encoder_decoder true", "allowed: a decoder"),
    ),
    model_case(
        "folder-short-context",
        config(max_position_embeddings=64),
        *("is refused: its context of 64 tokens is shorter than the longest row", "do: choose"),
        load=True,
    ),
    model_case(
        "tokenizer-missing",
        without("tokenizer.json"),
        *("holds no tokenizer", "allowed: tokenizer.json or another", "do: save the tokenizer"),
    ),
    model_case(
        "tokenizer-no-json",
        content("tokenizer.json", NOT_JSON),
        *(LOADS, "got: its tokenizer: ", "do: check the folder"),
        load=True,
    ),
    model_case(
        "tokenizer-config-no-json",
        content("tokenizer_config.json", NOT_JSON),
        *("tokenizer_config.json of ", "cannot be read", "allowed: a JSON object", "do: fetch"),
    ),
    model_case(
        "tokenizer-larger-than-the-embedding",
        one_token_more,
        *("the tokenizer and the weights of model do not fit together", "do: take both"),
        *("got: token 'zzzq' with id 557", "allowed: ids below 557"),
        load=True,
    ),
    model_case(
        "tokenizer-without-end-token",
        no_end_token,
        *("the tokenizer has no end token", "got: no eos_token", "do: set eos_token in tokenizer"),
        load=True,
    ),
    model_case(
        "generation-config-no-json",
        content("generation_config.json", NOT_JSON),
        *("generation_config.json of ", "cannot be read", "allowed: a JSON object", "do: fetch"),
    ),
    model_case(
        "generation-config-end-tokens-no-ids",
        generation(eos_token_id=[[2]]),
        *("end tokens that are no token ids", "got: eos_token_id [[2]]", "allowed: a number"),
        load=True,
    ),
    model_case(
        "template-syntax-error",
        template("{% for message in messages %}{{ message.content "),
        *(TURN, "got: unexpected end of template", "do: mend chat_template"),
        load=True,
    ),
    model_case(
        "template-divides-by-zero",
        template("{{ 1 / 0 }}"),
        *(TURN, "got: division by zero", "do: mend chat_template"),
        load=True,
    ),
    model_case(
        "template-endless",
        template("{% for i in range(10 ** 12) %}x{% endfor %}"),
        *(TURN, "got: Range too big", "do: mend chat_template"),
        load=True,
    ),
    model_case(
        "template-reaches-out",
        template("{{ messages.__class__.__mro__[1].__subclasses__() }}"),
        *(TURN, "unsafe", "do: mend chat_template"),
        load=True,
    ),
    model_case(
        "template-drops-the-user",
        template("<|im_start|>assistant\n"),
        *("does not show the user's turn exactly once", "got: 0 times", "do: use a model"),
        load=True,
    ),
    model_case(
        "template-not-utf-8",
        content(TEMPLATE, b"caf\xe9"),
        *(LOADS, "its tokenizer: 'utf-8' codec can't decode byte 0xe9", "do: check the folder"),
        load=True,
    ),
)
