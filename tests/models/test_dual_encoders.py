"""Architectures of transformers beside CLIP and SigLIP: heads give their own logits, or they are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_models
import torch
import transformers
from PIL import Image
from tiny_models import SIZE

from engine.directional import HeadsFeatureMap, logits_of
from engine.errors import ModelError
from engine.models import load_model

CPU = torch.device("cpu")
IMAGES = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "navy")]
CAPTIONS = ["a red thing", "a green thing", "unheardof thing"]
VISION = {**SIZE, "image_size": 16, "patch_size": 8}
WORDS = {**SIZE, "vocab_size": 8, "max_position_embeddings": 8, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}


def altclip() -> transformers.PreTrainedModel:
    config = transformers.AltCLIPConfig(
        text_config={**WORDS, "max_position_embeddings": 9, "project_dim": 12}, vision_config=VISION, projection_dim=6
    )
    return transformers.AltCLIPModel(config)


def chinese_clip() -> transformers.PreTrainedModel:
    return transformers.ChineseCLIPModel(
        transformers.ChineseCLIPConfig(text_config=WORDS, vision_config=VISION, projection_dim=6)
    )


def blip() -> transformers.PreTrainedModel:
    text = {**WORDS, "encoder_hidden_size": 16, "sep_token_id": 3}
    return transformers.BlipModel(
        transformers.BlipConfig(text_config=text, vision_config=VISION, projection_dim=6, image_text_hidden_size=6)
    )


def clipseg() -> transformers.PreTrainedModel:
    return transformers.CLIPSegModel(
        transformers.CLIPSegConfig(text_config=WORDS, vision_config=VISION, projection_dim=6)
    )


def any_two_towers() -> transformers.PreTrainedModel:
    config = transformers.VisionTextDualEncoderConfig.from_vision_text_configs(
        transformers.ViTConfig(**VISION), transformers.BertConfig(**WORDS), projection_dim=6
    )
    return transformers.VisionTextDualEncoderModel(config)


def groupvit() -> transformers.PreTrainedModel:
    vision = {**SIZE, "image_size": 16, "patch_size": 4, "depths": [1, 1, 1], "num_group_tokens": [4, 2, 0],
              "num_output_groups": [4, 2, 0], "hidden_size": 16, "num_hidden_layers": 3}  # fmt: skip
    config = transformers.GroupViTConfig(
        text_config=WORDS, vision_config=vision, projection_dim=6, projection_intermediate_dim=10
    )
    return transformers.GroupViTModel(config)


def align() -> transformers.PreTrainedModel:
    vision = {"image_size": 16, "width_coefficient": 0.1, "depth_coefficient": 0.1, "hidden_dim": 16,
              "kernel_sizes": [3], "in_channels": [32], "out_channels": [16], "depthwise_padding": [], "strides": [1],
              "num_block_repeats": [1], "expand_ratios": [1]}  # fmt: skip
    return transformers.AlignModel(transformers.AlignConfig(text_config=WORDS, vision_config=vision, projection_dim=16))


def siglip2() -> transformers.PreTrainedModel:
    vision = {**SIZE, "num_patches": 4, "patch_size": 8}
    text = {**SIZE, "vocab_size": 8, "max_position_embeddings": 8, "projection_size": 16}
    return transformers.Siglip2Model(transformers.Siglip2Config(text_config=text, vision_config=vision))


def words_alone() -> transformers.PreTrainedModel:
    return transformers.BertModel(transformers.BertConfig(**WORDS))


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.hf_clip(tmp_path_factory.mktemp("clip"))


def saved(make: Callable[[], transformers.PreTrainedModel], folder: Path, clip_folder: Path) -> Path:
    """The model with the tokenizer and the image processor of the tiny CLIP."""
    torch.manual_seed(0)
    make().save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(clip_folder).save_pretrained(folder)
    transformers.AutoImageProcessor.from_pretrained(clip_folder).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("make", "num_linear"),
    [(altclip, 2), (chinese_clip, 2), (blip, 2), (clipseg, 2), (any_two_towers, 2), (groupvit, 0)],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_heads_on_penultimate_features_give_the_models_own_logits(
    make: Callable, num_linear: int, tmp_path: Path, clip_folder: Path
) -> None:
    folder = saved(make, tmp_path, clip_folder)
    model = load_model(str(folder), CPU, torch.float32)
    tokens, _ = model.prepare_texts(CAPTIONS)
    pixels = model.prepare_images(IMAGES)
    image, text = model.penultimate_images(pixels), model.penultimate_texts(tokens)
    with torch.no_grad():
        expected = transformers.AutoModel.from_pretrained(folder)(pixel_values=pixels, **tokens).logits_per_text
    everyone = torch.arange(3)
    found = logits_of(HeadsFeatureMap(model.heads, text, image).features(everyone, everyone))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 1e-3  # the pictures and captions do differ
    assert sum("no linear projection" in note for note in model.notes) == 2 - num_linear
    assert model.prepare_texts(["red " * 50, "red"])[1] == 1
    assert model.penultimate_texts(model.prepare_texts(["red " * 50])[0]).isfinite().all()


@pytest.mark.parametrize("make", [align, siglip2, words_alone], ids=lambda one: one.__name__)
def test_what_does_not_fit_is_refused_in_one_sentence(make: Callable, tmp_path: Path, clip_folder: Path) -> None:
    folder = saved(make, tmp_path, clip_folder)
    with pytest.raises(ModelError) as error:
        load_model(str(folder), CPU, torch.float32)
    assert str(error.value).startswith("Expected a ") and "\n" not in str(error.value)


def test_a_model_whose_logits_are_not_those_of_its_features_is_refused(
    tmp_path: Path, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_forward = transformers.CLIPModel.forward

    def other_forward(self: object, **inputs: torch.Tensor) -> object:
        found = own_forward(self, **inputs)
        found.logits_per_text = found.logits_per_text.flip(0)
        return found

    monkeypatch.setattr(transformers.CLIPModel, "forward", other_forward)
    with pytest.raises(ModelError, match="logits are not those of its features"):
        load_model(str(clip_folder), CPU, torch.float32)
