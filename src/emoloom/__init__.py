"""emoloom: choose a small language model for emotion work, and be able to prove the choice.

    from emoloom import screen, load_run, predict

These are looked up when they are asked for (PEP 562): `import emoloom` loads next to nothing.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = ["__version__", "load_predictor", "load_run", "predict", "screen"]

if TYPE_CHECKING:
    from emoloom.api import load_predictor, load_run, predict, screen
else:  # a type checker must see that there are no other names

    def __getattr__(name: str) -> object:
        if name in __all__:
            from emoloom import api

            return getattr(api, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
