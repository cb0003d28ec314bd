"""A small CLIP of transformers with its own word-level tokenizer: how it is built, fed and saved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from brush import SIDE
from captions import every_word
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

MAX_TOKENS = 32
MEAN, STD = (0.6, 0.6, 0.6), (0.28, 0.28, 0.28)
EMBED_DIM = 64
LOGIT_SCALE = 20.0
"""the multiplier s of the logits, fixed while the heads are tuned"""


_IMAGE_PROCESSOR = {
    "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": SIDE}, "resample": 3,
    "do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE}, "do_rescale": True,
    "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": STD, "do_convert_rgb": True,
}  # fmt: skip


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A lower-case word tokenizer of the captions' own words; any other word becomes <unk>.

    The end token has the highest id, so that both ways of transformers to find it (by id, by argmax) agree.
    """
    words = ["<pad>", "<unk>", "<bos>", *every_word(), "<eos>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # a token, not a secret  # noqa: S106
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    ends = [(token, vocabulary[token]) for token in ("<bos>", "<eos>")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A <eos>", special_tokens=ends)
    names = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=MAX_TOKENS, padding_side="right", truncation_side="right",
        model_input_names=["input_ids", "attention_mask"], **names,
    )  # fmt: skip


def build_model(tokenizer: PreTrainedTokenizerFast) -> CLIPModel:
    """An untrained model: image tower 4 layers of 128, patches of 16 pixels; text tower 2 layers of 128."""
    tower = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "projection_dim": EMBED_DIM,
             "hidden_act": "gelu"}  # fmt: skip
    text = {
        **tower, "num_hidden_layers": 2, "vocab_size": len(tokenizer), "max_position_embeddings": MAX_TOKENS,
        "pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    image = {**tower, "num_hidden_layers": 4, "image_size": SIDE, "patch_size": 16}
    start = float(np.log(10.0))
    return CLIPModel(
        CLIPConfig(text_config=text, vision_config=image, projection_dim=EMBED_DIM, logit_scale_init_value=start)
    )


def to_pixels(images: np.ndarray) -> Tensor:
    """`[images, height, width, 3]` bytes as the image tower's input `[images, 3, height, width]`."""
    shares = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    return (shares - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def to_tokens(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> dict[str, Tensor]:
    """Token ids and attention mask, `[texts, tokens]`."""
    tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    return {name: tokens[name] for name in ("input_ids", "attention_mask")}


@torch.no_grad()
def penultimate(
    model: CLIPModel, tokenizer: PreTrainedTokenizerFast, images: np.ndarray, texts: list[str]
) -> tuple[Tensor, Tensor]:
    """What the two projection heads read: image features `[images, 128]` and text features `[texts, 128]`."""
    model.eval()
    parts = [to_pixels(images[k : k + 200]) for k in range(0, len(images), 200)]
    image = torch.cat([model.vision_model(pixel_values=part).pooler_output for part in parts])
    return image, model.text_model(**to_tokens(tokenizer, texts)).pooler_output


def save(folder: Path, model: CLIPModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write config, weights, tokenizer and image processor as transformers reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(folder)
    settings = folder / "tokenizer_config.json"
    values = json.loads(settings.read_text(encoding="utf-8"))
    values["tokenizer_class"] = "PreTrainedTokenizerFast"  # the name that transformers 4 and 5 both know
    _write_json(settings, values)
    _write_json(folder / "preprocessor_config.json", _IMAGE_PROCESSOR)


def _write_json(path: Path, values: dict) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
