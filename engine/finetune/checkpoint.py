"""Where a training stands: one safetensors file that a rename finishes, its numbers as JSON in the header."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import RunFolderDamaged
from engine.runs import finished_as

PARAMETERS, HEADER = "parameters", "training"


@dataclass
class Position:
    """How far a training has come."""

    step: int = 0
    """steps taken"""
    epoch_loss: float = 0.0
    """Σ pair losses of the unfinished epoch so far, nats"""
    seconds: float = 0.0
    """of the unfinished epoch so far"""
    epochs: list[dict[str, float]] = field(default_factory=list)
    """one entry per finished epoch"""
    scaler: dict[str, Any] = field(default_factory=dict)
    """of the gradients of float16"""


def write_checkpoint(
    path: Path, position: Position, parameters: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    """Write parameters, optimizer state and position atomically.

    Args:
        path: a .safetensors file; an older one is replaced by the finished new one.
        position: how far the training is.
        parameters: by name; the keys of the optimizer's state are these tensors.
        optimizer: its state holds tensors only.
    """
    tensors = {f"{PARAMETERS}/{name}": part for name, part in parameters.items()}
    for name, part in parameters.items():
        tensors |= {f"{key}/{name}": value for key, value in optimizer.state[part].items()}
    with finished_as(path) as unfinished:
        save_file(
            {name: part.detach().cpu().contiguous() for name, part in tensors.items()},
            unfinished,
            metadata={HEADER: json.dumps(asdict(position))},
        )


def read_checkpoint(path: Path, parameters: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> Position:
    """Put a checkpoint into `parameters` and `optimizer`, in place; a fresh position if there is none.

    Raises:
        RunFolderDamaged: if the file cannot be read or is another training's.
    """
    if not path.exists():
        return Position()
    try:
        with safe_open(path, framework="pt") as file, torch.no_grad():
            for key in file.keys():  # noqa: SIM118 (not a dict)
                kind, _, name = key.partition("/")
                value, part = file.get_tensor(key), parameters[name]
                if kind == PARAMETERS:
                    part.copy_(value)
                else:
                    optimizer.state[part][kind] = value if kind == "step" else value.to(part)
            return Position(**json.loads(file.metadata()[HEADER]))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise RunFolderDamaged(
            f"a readable checkpoint of this training at {path}",
            str(error)[:200],
            "Delete the file: the training then begins anew.",
        ) from error
