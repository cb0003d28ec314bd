"""Models behind one interface: heads on penultimate features give the model's own embeddings."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from engine.directional import HeadsFeatureMap, logits_of
from engine.errors import ModelError
from engine.models import load_model, model_hash, split_spec

CPU = torch.device("cpu")
IMAGES = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "navy")]
CAPTIONS = ["a red thing", "a green thing", "unheardof thing"]
VOCABULARY = ["<pad>", "<unk>", "<s>", "</s>", "a", "red", "green", "thing"]


@pytest.fixture(scope="module")
def hf_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random CLIP as save_pretrained writes it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("hf")
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(VOCABULARY)}, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>",  # noqa: S106
        model_max_length=8,
    ).save_pretrained(folder)  # fmt: skip
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**size, "vocab_size": 8, "max_position_embeddings": 8, "bos_token_id": 2, "eos_token_id": 3,
            "pad_token_id": 0}  # fmt: skip
    torch.manual_seed(0)
    config = CLIPConfig(text_config=text, vision_config={**size, "image_size": 16, "patch_size": 8}, projection_dim=6)
    CLIPModel(config).save_pretrained(folder)
    square = {"height": 16, "width": 16}
    CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=square).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def siglip_folder(hf_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random SigLIP with a logit bias, and the tokenizer of the tiny CLIP."""
    from transformers import AutoTokenizer, SiglipConfig, SiglipImageProcessor, SiglipModel

    folder = tmp_path_factory.mktemp("siglip")
    AutoTokenizer.from_pretrained(hf_folder).save_pretrained(folder)
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**size, "vocab_size": 8, "max_position_embeddings": 8, "projection_size": 16}
    torch.manual_seed(0)
    model = SiglipModel(SiglipConfig(text_config=text, vision_config={**size, "image_size": 16, "patch_size": 8}))
    with torch.no_grad():
        model.logit_scale.fill_(1.5)
        model.logit_bias.fill_(-3.0)
    model.save_pretrained(folder)
    SiglipImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def open_clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random open_clip model in its hub layout."""
    import open_clip
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("open_clip")
    tower = {"layers": 1, "width": 16, "heads": 2}
    config = {"embed_dim": 6, "text_cfg": {**tower, "context_length": 12, "vocab_size": 49408},
              "vision_cfg": {"image_size": 16, "layers": 1, "width": 64, "patch_size": 8}}  # fmt: skip
    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    return folder


def own_logits_hf(folder: Path) -> torch.Tensor:
    from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

    tokens = AutoTokenizer.from_pretrained(folder)(CAPTIONS, padding=True, return_tensors="pt")
    pixels = AutoImageProcessor.from_pretrained(folder)(images=IMAGES, return_tensors="pt")["pixel_values"]
    inputs = {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"], "pixel_values": pixels}
    with torch.no_grad():
        return CLIPModel.from_pretrained(folder)(**inputs).logits_per_text


def own_logits_siglip(folder: Path) -> torch.Tensor:
    from transformers import AutoImageProcessor, AutoTokenizer, SiglipModel

    tokens = AutoTokenizer.from_pretrained(folder)(CAPTIONS, padding="max_length", max_length=8, return_tensors="pt")
    pixels = AutoImageProcessor.from_pretrained(folder)(images=IMAGES, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        model = SiglipModel.from_pretrained(folder)
        return model(input_ids=tokens["input_ids"], pixel_values=pixels).logits_per_text


def own_logits_open_clip(folder: Path) -> torch.Tensor:
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(CAPTIONS)
    with torch.no_grad():
        image, text, scale = model.eval()(torch.stack([preprocess(i) for i in IMAGES]), tokens)
    return scale * text @ image.T


OWN_LOGITS = {"hf": own_logits_hf, "siglip": own_logits_siglip, "open_clip": own_logits_open_clip}


@pytest.mark.parametrize("kind", OWN_LOGITS)
def test_heads_on_penultimate_features_give_the_models_own_logits(kind: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(f"{kind}_folder")
    model = load_model(str(folder), CPU, torch.float32)
    tokens, cut = model.prepare_texts(CAPTIONS)
    images = model.penultimate_images(model.prepare_images(IMAGES))
    feature_map = HeadsFeatureMap(model.heads, model.penultimate_texts(tokens), images)
    everyone = torch.arange(3)
    found = logits_of(feature_map.features(everyone, everyone))
    expected = OWN_LOGITS[kind](folder)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert cut == 0
    assert len(model.notes) == (2 if kind == "siglip" else 0)  # SigLIP's towers end without projections
    assert (model.heads.logit_bias is not None) == (kind == "siglip")


@pytest.mark.parametrize("kind", ["hf", "open_clip"])
def test_captions_that_are_too_long_are_cut_and_counted(kind: str, request: pytest.FixtureRequest) -> None:
    model = load_model(str(request.getfixturevalue(f"{kind}_folder")), CPU, torch.float32)
    tokens, cut = model.prepare_texts(["a red thing", "red " * 5000, ""])
    assert cut == 1
    assert model.penultimate_texts(tokens).isfinite().all()


def test_float64_features_are_float64(hf_folder: Path) -> None:
    model = load_model(str(hf_folder), CPU, torch.float64)
    assert model.penultimate_images(model.prepare_images(IMAGES)).dtype == torch.float64


def test_the_hash_follows_the_weights(hf_folder: Path, open_clip_folder: Path) -> None:
    assert model_hash(f"hf:{hf_folder}") == model_hash(str(hf_folder))
    assert model_hash(str(hf_folder)) != model_hash(str(open_clip_folder))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nowhere", "hf:NAME_OR_FOLDER"),
        ("hf:", "nothing"),
        (".", "without either"),
    ],
)
def test_what_names_no_model_is_refused_before_anything_is_loaded(spec: str, words: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=words):
        split_spec(spec)


def test_a_folder_without_weights_and_a_name_that_is_not_on_disk_are_refused(tmp_path: Path, hf_folder: Path) -> None:
    (tmp_path / "config.json").write_text((hf_folder / "config.json").read_text())
    for spec in (str(tmp_path), "hf:no-such-owner/no-such-model", "open_clip:ViT-B-32/openai", "open_clip:NoSuchNet"):
        with pytest.raises(ModelError):
            load_model(spec, CPU, torch.float32)


def test_a_pickled_open_clip_checkpoint_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text('{"model_cfg": {}}')
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match="safetensors"):
        load_model(str(tmp_path), CPU, torch.float32)
