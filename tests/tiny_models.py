"""Tiny random image–text models on disk, with pictures, captions and adapters for them."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image

from engine.config import RunConfig

VOCABULARY = ["<pad>", "<unk>", "<s>", "</s>", "a", "red", "green", "thing"]
SIZE = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
LORA_TARGETS = {
    "hf": ("q_proj", "v_proj", "fc1", "fc2"),
    "siglip": ("q_proj", "v_proj", "fc1", "fc2"),
    "open_clip": ("c_fc", "c_proj", "attn", "attn.out_proj"),
}
"""layers of attention and MLP that an adapter changes, by kind of model"""


def hf_clip(folder: Path) -> Path:
    """A CLIP as save_pretrained writes it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(VOCABULARY)}, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>",  # noqa: S106
        model_max_length=8,
    ).save_pretrained(folder)  # fmt: skip
    text = {**SIZE, "vocab_size": 8, "max_position_embeddings": 8, "bos_token_id": 2, "eos_token_id": 3,
            "pad_token_id": 0}  # fmt: skip
    torch.manual_seed(0)
    config = CLIPConfig(text_config=text, vision_config={**SIZE, "image_size": 16, "patch_size": 8}, projection_dim=6)
    CLIPModel(config).save_pretrained(folder)
    square = {"height": 16, "width": 16}
    CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=square).save_pretrained(folder)
    return folder


def siglip(folder: Path, hf_folder: Path) -> Path:
    """A SigLIP with a logit bias, and the tokenizer of the tiny CLIP."""
    from transformers import AutoTokenizer, SiglipConfig, SiglipImageProcessor, SiglipModel

    AutoTokenizer.from_pretrained(hf_folder).save_pretrained(folder)
    text = {**SIZE, "vocab_size": 8, "max_position_embeddings": 8, "projection_size": 16}
    torch.manual_seed(0)
    model = SiglipModel(SiglipConfig(text_config=text, vision_config={**SIZE, "image_size": 16, "patch_size": 8}))
    with torch.no_grad():
        model.logit_scale.fill_(1.5)
        model.logit_bias.fill_(-3.0)
    model.save_pretrained(folder)
    SiglipImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


def open_clip_model(folder: Path) -> Path:
    """An open_clip model in its hub layout."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tower = {"layers": 1, "width": 16, "heads": 2}
    config = {"embed_dim": 6, "text_cfg": {**tower, "context_length": 12, "vocab_size": 49408},
              "vision_cfg": {"image_size": 16, "layers": 1, "width": 64, "patch_size": 8}}  # fmt: skip
    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    return folder


def trained_adapter(folder: Path, spec: str, kind: str, rank: int = 2) -> Path:
    """An adapter of attention and MLP layers of the model `spec` whose B is not zero, as after training."""
    from engine.models import load_model
    from engine.models.lora import new_adapter

    module = load_model(spec, torch.device("cpu"), torch.float32).module
    adapter = new_adapter(module, rank, 2.0 * rank, LORA_TARGETS[kind], seed=0)
    generator = torch.Generator().manual_seed(1)
    moved = {n: part + 0.1 * torch.randn(part.shape, generator=generator) for n, part in adapter.tensors.items()}
    adapter.with_tensors(moved).save(folder)
    return folder


def picture_table(folder: Path, num_pairs: int) -> Path:
    """pairs.csv of coloured pictures with captions from the tiny vocabulary; every image and caption is different."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["image,caption,split"]
    words = ["a", "red", "green", "thing"]
    for number in range(num_pairs):
        generator = torch.Generator().manual_seed(number)
        pixels = torch.randint(0, 256, (16, 16, 3), generator=generator, dtype=torch.uint8)
        Image.fromarray(pixels.numpy()).save(folder / f"{number}.png")
        caption = " ".join(words[(number // 4**place) % 4] for place in range(4))
        lines.append(f"{number}.png,{caption},{'train' if number % 3 else 'validation'}")
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")
    return folder / "pairs.csv"


def adapter_run(folder: Path) -> RunConfig:
    """A run over an adapter of a tiny CLIP, a second or two of work."""
    model = hf_clip(folder / "model")
    adapter = trained_adapter(folder / "adapter", str(model), "hf")
    pairs = picture_table(folder / "pairs", 15)
    return RunConfig(
        str(pairs), str(model), adapter=str(adapter), tier="lora", batch_size=5, segmentations=2, sketches=2,
        curvature="ekfac", damping=0.1, dtype="float64", out=str(folder / "runs"),
    )  # fmt: skip
