"""The Python API: `from emoloom import screen, load_run, predict`.

Importing it loads neither torch nor pandas; `screen` and `predict` load torch when they are called.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emoloom.errors import UserError
from emoloom.run_records import Run, load_run

if TYPE_CHECKING:
    from emoloom.engines.progress import Progress
    from emoloom.prediction.inputs import Item
    from emoloom.prediction.predictor import Predictor
    from emoloom.prediction.results import Answered, Failed

__all__ = ["load_predictor", "load_run", "predict", "screen"]


def screen(
    config: str | Path,
    out: str | Path | None = None,
    progress: "Progress | None" = None,
    *,
    accept_changed_inputs: bool = False,
) -> Run:
    """Run, or continue, a whole screen, as `emoloom screen` does.

    Args:
        config: path of the YAML config.
        out: run folder; `runs/<name>` when None.
        progress: where to show what is going on; stderr when None.
        accept_changed_inputs: go on in the folder of a run whose data, lexicon, models or other
            files have changed since; what they reach is made anew, over what is there.

    Returns:
        The run, as `load_run` gives it. Its `status` says whether a budget stopped it.

    Raises:
        UserError: the config, a corpus, a model or the folder cannot be used, or the folder holds
            a run of another config, of other versions or of other inputs.
    """
    from emoloom.engines.progress import show_progress
    from emoloom.pipeline import screen as run_screen

    target = None if out is None else Path(out)
    shown = nullcontext(progress) if progress is not None else show_progress()
    with shown as display:
        accept = accept_changed_inputs
        screened = run_screen(Path(config), target, display, accept_changed=accept)
    return load_run(screened.folder)


def load_predictor(
    source: str | Path,
    *,
    labels: str | None = None,
    max_new_tokens: int | None = None,
    decoder: Literal["verified", "canonical"] = "verified",
    allow_large: bool = False,
    trust_remote_code: bool = False,
) -> "Predictor":
    """Load a model once, for several calls of `predict`.

    Args:
        source: folder of an export (`emoloom export`), or any model source.
        labels: label space of a source that is no export; `goemotions28` when None.
        max_new_tokens: its longest answer in tokens; 96 when None.
        decoder: same answers; `canonical` is the slow definition.
        allow_large: allow a model of over two billion parameters.
        trust_remote_code: run the model's own Python code.

    Raises:
        UserError: the model cannot be loaded, was altered since its export, or is refused.
    """
    from emoloom.prediction.predictor import PredictSettings, open_predictor

    settings = PredictSettings(labels, max_new_tokens, decoder, allow_large, trust_remote_code)
    return open_predictor(str(source), settings)


def predict(
    source: "str | Path | Predictor", texts: Iterable[str | Mapping[str, object]]
) -> "Iterator[Answered | Failed]":
    """Answer texts, in their order; the model is loaded at once, texts are read as they are needed.

    Args:
        source: folder of an export, any model source, or what `load_predictor` gave.
        texts: texts, or mappings with `text` and, if you like, `id`; a text without an id is known
            by its place, from 1 as `emoloom predict` counts, or as `text:3` where another before
            it has an id. Where there is nothing to answer (an empty text, None, a mapping without
            `text`) the model is not asked.

    Yields:
        `Answered` with labels, VAD and rationale, or `Failed` with its reason, one for each text.

    Raises:
        UserError: the model cannot be used, or `texts` is one text.
    """
    if isinstance(texts, str | bytes | Mapping):
        raise UserError(
            "predict takes many texts",
            got=f"one {type(texts).__name__}",
            allowed="an iterable of texts, or of mappings with `text` and `id`",
            do="put it into a list",
        )
    predictor = load_predictor(source) if isinstance(source, str | Path) else source
    return predictor.answer(_items(texts))


def _items(texts: Iterable[str | Mapping[str, object]]) -> "Iterator[Item]":
    from emoloom.prediction.inputs import Numbers

    numbers = Numbers("text")
    for given in texts:
        if isinstance(given, Mapping):
            yield numbers.item(given)
        else:
            yield numbers.text(given, "the text")
