"""Adapters in peft's layout: read, merged and written as peft would."""

import json
from pathlib import Path

import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.models import load_model
from engine.models.lora import adapter_notes, load_adapter, new_adapter
from engine.sources import load_encoder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.hf_clip(tmp_path_factory.mktemp("hf"))


@pytest.fixture
def adapter_folder(model_folder: Path, tmp_path: Path) -> Path:
    return tiny_models.trained_adapter(tmp_path / "adapter", str(model_folder), "hf")


def embed(model: object, pixels: torch.Tensor) -> torch.Tensor:
    return model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)


def test_an_adapter_of_ours_means_the_same_to_peft(model_folder: Path, adapter_folder: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModel

    pixels = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    bare = AutoModel.from_pretrained(model_folder).eval()
    without = embed(bare, pixels)
    theirs = embed(PeftModel.from_pretrained(bare, adapter_folder).eval().base_model.model, pixels)
    ours, _ = load_encoder(str(model_folder), "peft", str(adapter_folder), False, CPU, "float32")
    torch.testing.assert_close(ours.embed_images(pixels), theirs)
    assert (theirs - without).abs().max() > 0.01


@pytest.mark.parametrize("options", [{"use_rslora": True}, {"alpha_pattern": {"fc1": 16}, "rank_pattern": {"fc1": 3}}])
def test_an_adapter_of_peft_is_scaled_as_peft_scales_it(options: dict, model_folder: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel

    torch.manual_seed(0)
    config = LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "fc1"], init_lora_weights=False, **options)
    theirs = get_peft_model(AutoModel.from_pretrained(model_folder), config).eval()
    theirs.save_pretrained(tmp_path / "adapter")
    pixels = torch.randn(3, 3, 16, 16)
    ours, _ = load_encoder(str(model_folder), "scaled", str(tmp_path / "adapter"), False, CPU, "float32")
    torch.testing.assert_close(ours.embed_images(pixels), embed(theirs.base_model.model, pixels))


def test_a_fresh_adapter_leaves_the_model_as_it_is(model_folder: Path) -> None:
    module = load_model(str(model_folder), CPU, torch.float32).module
    adapter = new_adapter(module, 2, 4.0, ("q_proj",), seed=0)
    base = dict(module.named_parameters())
    for name, weight in adapter.merged(adapter.tensors, base).items():
        torch.testing.assert_close(weight, base[name])
    assert all(part.abs().max() > 0 for name, part in adapter.tensors.items() if "lora_A" in name)


def test_an_adapter_for_another_base_model_is_refused(adapter_folder: Path, tmp_path: Path) -> None:
    other = load_model(str(tiny_models.open_clip_model(tmp_path / "other")), CPU, torch.float32).module
    with pytest.raises(ModelError, match="trained on this model"):
        load_adapter(adapter_folder, other)


def test_an_adapter_of_another_width_is_refused_with_both_shapes(adapter_folder: Path, model_folder: Path) -> None:
    tensors = load_file(adapter_folder / "adapter_model.safetensors")
    name = next(name for name in tensors if name.endswith("lora_A.weight"))
    save_file({**tensors, name: torch.zeros(2, 99)}, adapter_folder / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=r"\[16, 99\].*\[16, 16\]"):
        load_adapter(adapter_folder, load_model(str(model_folder), CPU, torch.float32).module)


def test_what_is_not_a_plain_lora_adapter_is_refused(adapter_folder: Path, model_folder: Path, tmp_path: Path) -> None:
    module = load_model(str(model_folder), CPU, torch.float32).module
    with pytest.raises(ModelError, match="none in"):
        load_adapter(tmp_path, module)
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match="pickled"):
        load_adapter(tmp_path, module)
    file = adapter_folder / "adapter_config.json"
    config = json.loads(file.read_text())
    for change, words in (({"use_dora": True}, "use_dora"), ({"bias": "all"}, "bias"), ({"peft_type": "IA3"}, "IA3")):
        file.write_text(json.dumps({**config, **change}))
        with pytest.raises(ModelError, match=words):
            load_adapter(adapter_folder, module)
    file.write_text("{")
    with pytest.raises(ModelError, match="readable adapter"):
        load_adapter(adapter_folder, module)


def test_the_output_of_fused_attention_is_named_as_peft_names_it_and_the_record_says_what_peft_does(
    tmp_path: Path, model_folder: Path, adapter_folder: Path
) -> None:
    folder = tiny_models.open_clip_model(tmp_path / "model")
    fused = tiny_models.trained_adapter(tmp_path / "fused", str(folder), "open_clip")
    assert any(".attn.base_layer.out_proj.lora_A" in name for name in load_file(fused / "adapter_model.safetensors"))
    adapter = load_adapter(fused, load_model(str(folder), CPU, torch.float32).module)
    assert any(factor.weight.endswith("attn.out_proj.weight") for factor in adapter.factors)
    assert "twice" in adapter_notes(fused)[0]
    assert adapter_notes(adapter_folder) == []


def test_targets_that_name_no_layer_are_refused_with_examples(model_folder: Path) -> None:
    module = load_model(str(model_folder), CPU, torch.float32).module
    with pytest.raises(ModelError, match="Name linear layers, such as "):
        new_adapter(module, 2, 4.0, ("no_such_layer",), seed=0)
