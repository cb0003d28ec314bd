"""What is looked at before a library opens a model folder: weights as safetensors, whole, and no code.

A pickled checkpoint (.bin .pt .pth .ckpt) can run any program when it is opened, so none ever is. Code that a folder
brings along (`auto_map`) is never run: only architectures that the installed libraries know are built.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from engine.errors import ModelError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
REASON_CHARACTERS = 300


def check_folder(folder: Path, config_file: str) -> dict[str, Any]:
    """The configuration of a model folder whose weights can be opened safely.

    Args:
        folder: that `--model` names.
        config_file: its configuration's name.

    Raises:
        ModelError: if the configuration is no JSON object, or the weights are absent, pickled or damaged.
    """
    config = _read_config(folder / config_file)
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            "a model folder", f"{folder} with an adapter in it", "Give the adapter's folder with --adapter instead."
        )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
        got = f"{folder} without any"
        fix = "Copy the weights there as well."
        if pickled:
            got = f"{folder} with {pickled[0]}, a pickle: opening it could run any program"
            fix = (
                "If you trust where it comes from, convert it to safetensors on a machine for such things "
                "(https://huggingface.co/docs/safetensors/convert-weights)."
            )
        raise ModelError("weights as .safetensors", got, fix)
    for path in weights:
        check_safetensors(path)
    return config


def check_safetensors(path: Path) -> None:
    """Refuse weights that are cut off, damaged, or a link to nothing.

    Raises:
        ModelError: if they are.
    """
    if path.is_symlink() and not path.exists():
        raise ModelError("weights as .safetensors", f"{path}, a link to nothing", "Copy the file that it names.")
    try:
        with safe_open(path, "pt") as file:
            is_empty = not list(file.keys())
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(
            "readable weights", f"{path}, which is cut off or damaged ({first_line(error)})", "Copy it again."
        ) from error
    if is_empty:
        raise ModelError("readable weights", f"{path} without any tensor", "Copy it again.")


def check_keys(source: str, missing: list[str], unexpected: list[str], mismatched: list[str]) -> tuple[str, ...]:
    """Refuse weights that are not the configuration's; a note about weights that nothing uses.

    Args:
        source: where they come from.
        missing: parameters without weights; libraries would draw them at random.
        unexpected: weights without a parameter.
        mismatched: weights of another shape.

    Raises:
        ModelError: if a parameter has no weights of its shape.
    """
    for names, what in ((missing, "without weights for"), (mismatched, "with weights of another shape for")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise ModelError(
                "weights that belong to the model's configuration",
                f"{source} {what} {names[0]}{more}",
                "Take configuration and weights from the same model.",
            )
    if not unexpected:
        return ()
    return (
        f"{len(unexpected)} weights in {source} belong to no part of the model and are not used: {unexpected[0]} …",
    )


def first_line(error: Exception) -> str:
    """What an error of another library says, short; its kind where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = f"{lines[0]} {lines[1]}" if lines[0].endswith(":") and len(lines) > 1 else lines[0]
    return "".join(c if c.isprintable() else " " for c in text)[:REASON_CHARACTERS]


def _read_config(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"a readable {path.name}", f"{path} ({first_line(error)})", "Copy it again.") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path.name} to hold named values", f"another kind of JSON in {path}", "Copy it again.")
    return values
