"""LoRA adapters in peft's file layout, as plain weights: W + scaling · B A.

The adapter's matrices are merged into the weights they change, so one code path serves linear layers and fused
attention, and a plain pass costs what it costs without an adapter. Derivatives in A and B are taken layer by layer, as
products of low rank (`engine.directional.low_rank`). (peft's own modules cannot be differentiated forwards in attention
layers, and change their base weights while they run there.)
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.errors import ModelError

if TYPE_CHECKING:
    from peft import LoraConfig  # peft takes seconds to import, and only adapters need it

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
CHANGED_BASE = ("pissa", "olora", "corda", "loftq")
"""ways of starting an adapter that change the weights below it as well"""
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True)
class LoraFactors:
    """The two matrices that change one weight; names are keys of the adapter's tensors."""

    weight: str
    """name of the changed parameter of the model, `[out, in]`"""
    down: str
    """A, `[rank, in]`"""
    up: str
    """B, `[out, rank]`"""
    scaling: float


@dataclass(frozen=True)
class ChangedWeight:
    """A weight with its change merged, and the change in its two matrices."""

    weight: Tensor
    """W + scaling · B A, `[out, in]`; a constant to autograd"""
    down: Tensor
    """A, `[rank, in]`"""
    up: Tensor
    """B, `[out, rank]`"""
    scaling: float

    def of_rows(self, some: Tensor) -> ChangedWeight:
        """The same for `some` rows of `weight`, a view of it: fused attention may use its three parts apart."""
        if some.shape == self.weight.shape:
            return self
        first = some.storage_offset() // self.weight.shape[1]
        return replace(self, weight=some, up=self.up[first : first + len(some)])


@dataclass(frozen=True)
class LoraAdapter:
    """An adapter: its matrices by their names in the file, and what they change."""

    config: LoraConfig
    tensors: dict[str, Tensor]
    factors: tuple[LoraFactors, ...]

    def merged(self, tensors: dict[str, Tensor], base: dict[str, Tensor]) -> dict[str, Tensor]:
        """The changed weights, W + scaling · B A, by parameter name; differentiable in `tensors`."""
        return {
            f.weight: torch.addmm(base[f.weight], tensors[f.up], tensors[f.down], alpha=f.scaling) for f in self.factors
        }

    def changes(self, tensors: dict[str, Tensor], merged: dict[str, Tensor]) -> tuple[ChangedWeight, ...]:
        """The change of each weight, with what `merged` gave."""
        return tuple(ChangedWeight(merged[f.weight], tensors[f.down], tensors[f.up], f.scaling) for f in self.factors)

    def with_tensors(self, tensors: dict[str, Tensor]) -> LoraAdapter:
        """The same adapter with other matrices."""
        return replace(self, tensors=tensors)

    def save(self, folder: Path) -> None:
        """Write adapter_config.json and adapter_model.safetensors, as peft reads them."""
        self.config.save_pretrained(str(folder))
        save_file(
            {name: part.detach().cpu().contiguous() for name, part in self.tensors.items()}, folder / WEIGHTS_FILE
        )


def load_adapter(folder: str | Path, module: nn.Module) -> LoraAdapter:
    """Read the adapter in `folder` for the model `module`; tensors take the device and dtype of its weights.

    Raises:
        ModelError: if there is no LoRA adapter in safetensors, it has parts beyond A and B, or is another model's.
    """
    folder = Path(folder)
    config, tensors = _read(folder)
    unsupported = [name for name in ("use_dora", "modules_to_save", "layer_replication") if getattr(config, name, None)]
    unsupported += ["bias"] if config.bias != "none" else []
    unsupported += [f"{start} weights" for start in CHANGED_BASE if str(config.init_lora_weights).startswith(start)]
    unsupported += sorted({name for name in tensors if not name.endswith((DOWN, UP))})[:1]
    if unsupported:
        raise ModelError(
            "an adapter of plain LoRA matrices", f"{folder} with {unsupported[0]}", "Train it without, or merge it."
        )
    parameters = dict(module.named_parameters())
    factors = []
    for down in sorted(name for name in tensors if name.endswith(DOWN)):
        layer = down.removeprefix(PREFIX).removesuffix(DOWN)
        weight, up = _weight_name(layer, module), down.removesuffix(DOWN) + UP
        shape = None if weight is None else tuple(parameters[weight].shape)
        given = (tensors[up].shape[0], tensors[down].shape[1]) if up in tensors else None
        if shape != given or shape is None or tensors[up].shape[1] != tensors[down].shape[0]:
            raise ModelError(
                "an adapter that was trained on this model",
                f"{folder}, where {layer} is {given and list(given)} and the model has {shape and list(shape)}",
                "Give the --model that the adapter's training began with.",
            )
        factors.append(LoraFactors(weight, down, up, _scaling(config, layer, len(tensors[down]))))
    if len(factors) * 2 != len(tensors) or not factors:
        raise ModelError("two LoRA matrices for every layer", f"{len(tensors)} in {folder}", "Save the adapter again.")
    like = parameters[factors[0].weight]
    return LoraAdapter(config, {name: part.to(like) for name, part in tensors.items()}, tuple(factors))


def adapter_notes(folder: str | Path) -> list[str]:
    """What a person should know of the adapter in `folder`, for the record of a run."""
    _, tensors = _read(Path(folder))
    if not any(".base_layer.out_proj." in name for name in tensors):
        return []
    return [
        "The adapter changes the output layer of fused attention. peft up to 0.21 applies that change twice when it "
        "runs; here it is applied once, as the adapter's definition says."
    ]


def new_adapter(module: nn.Module, rank: int, alpha: float, targets: tuple[str, ...], seed: int) -> LoraAdapter:
    """A fresh adapter: A random, B zero, so that the model is unchanged (Hu et al. 2021).

    Args:
        module: the model.
        rank: of every layer.
        alpha: scaling × rank.
        targets: endings of the names of the layers to adapt (`q_proj`, `mlp.c_fc`, `attn` for fused attention).
        seed: of A.

    Raises:
        ModelError: if no layer has such a name.
    """
    generator = torch.Generator().manual_seed(seed)
    parameters, tensors, factors = dict(module.named_parameters()), {}, []
    for layer, _ in module.named_modules():
        weight = _weight_name(layer, module)
        if weight is None or not any(layer == target or layer.endswith("." + target) for target in targets):
            continue
        like = parameters[weight]
        bound = 1.0 / math.sqrt(like.shape[1])  # Kaiming's uniform bound with a = √5, as in torch.nn.Linear
        drawn = bound * (2 * torch.rand(rank, like.shape[1], generator=generator, dtype=torch.float64) - 1)
        named = _name_for_peft(layer, module)
        down, up = PREFIX + named + DOWN, PREFIX + named + UP
        tensors |= {down: drawn.to(like), up: like.new_zeros(like.shape[0], rank)}
        factors.append(LoraFactors(weight, down, up, alpha / rank))
    if not factors:
        some = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)][:3]
        raise ModelError(
            "layers to adapt", f"none named {', '.join(targets)}", f"Name linear layers, such as {', '.join(some)}."
        )
    from peft import LoraConfig

    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets), lora_dropout=0.0)
    return LoraAdapter(config, tensors, tuple(factors))


def _read(folder: Path) -> tuple[LoraConfig, dict[str, Tensor]]:
    from peft import LoraConfig

    if not (folder / WEIGHTS_FILE).is_file():
        found = "a pickled adapter, which is not opened" if (folder / "adapter_model.bin").exists() else "none"
        raise ModelError(
            f"a folder with {CONFIG_FILE} and {WEIGHTS_FILE}",
            f"{found} in {folder}",
            "Save the adapter as safetensors.",
        )
    try:
        kind = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")).get("peft_type")
        if kind != "LORA":
            raise ModelError("a LoRA adapter", f"{kind} in {folder}", "Give a LoRA adapter: no other kind is studied.")
        return LoraConfig.from_pretrained(str(folder)), load_file(folder / WEIGHTS_FILE)
    except (OSError, ValueError, TypeError, AttributeError, SafetensorError) as error:
        raise ModelError(f"a readable adapter in {folder}", str(error)[:200], "Save the adapter again.") from error


def _weight_name(layer: str, module: nn.Module) -> str | None:
    """The parameter that an adapter on `layer` changes; peft calls a fused attention's output `base_layer.out_proj`."""
    layer = layer.replace(".base_layer", "")
    try:
        found = module.get_submodule(layer)
    except AttributeError:
        return None
    if isinstance(found, nn.MultiheadAttention):
        return f"{layer}.in_proj_weight" if found.in_proj_weight is not None else None
    return f"{layer}.weight" if isinstance(found, nn.Linear) else None


def _name_for_peft(layer: str, module: nn.Module) -> str:
    """What peft calls a layer: the output of a fused attention is a part of the layer that it wraps."""
    parent, _, name = layer.rpartition(".")
    if name == "out_proj" and isinstance(module.get_submodule(parent), nn.MultiheadAttention):
        return f"{parent}.base_layer.{name}"
    return layer


def _scaling(config: LoraConfig, layer: str, rank: int) -> float:
    from peft.utils.other import get_pattern_key

    patterns = config.alpha_pattern or {}
    alpha = patterns.get(get_pattern_key(list(patterns), layer), config.lora_alpha)
    return alpha / (math.sqrt(rank) if config.use_rslora else rank)
