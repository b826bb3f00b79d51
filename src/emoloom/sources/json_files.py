"""The JSON files of a model folder."""

import json
from pathlib import Path
from typing import Any

from emoloom.errors import UserError


def read_json(path: Path, folder: Path) -> dict[str, Any]:
    """A JSON file of the folder.

    Raises:
        UserError: it is missing, cannot be read, or holds no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{folder} is not a model folder",
            got=f"no {path.name}",
            allowed="config.json, safetensors weights and a tokenizer",
            do="check the path",
        ) from error
    except OSError as error:
        raise UserError(
            f"{path.name} of {folder} cannot be read",
            got=error.strerror or str(error),
            do="set its permissions so that it can be read"
            if isinstance(error, PermissionError)
            else "check the path, or fetch the file again",
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path.name} of {folder} cannot be read",
            got=f"{type(error).__name__}: {error}",
            allowed="a JSON object",
            do="fetch the file again",
        ) from error
    if not isinstance(content, dict):
        raise UserError(
            f"{path.name} of {folder} cannot be read",
            got=type(content).__name__,
            allowed="a JSON object",
            do="fetch the file again",
        )
    return content
