"""Models behind one interface: heads on penultimate features give the model's own embeddings."""

import dataclasses
from pathlib import Path

import pytest
import tiny_models
import torch
from PIL import Image

from engine.directional import HeadsFeatureMap, logits_of
from engine.embedding import write_features
from engine.errors import ModelError
from engine.models import load_model, model_hash, split_spec
from engine.pairs import load_data_set

CPU = torch.device("cpu")
IMAGES = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "navy")]
CAPTIONS = ["a red thing", "a green thing", "unheardof thing"]


@pytest.fixture(scope="module")
def hf_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.hf_clip(tmp_path_factory.mktemp("hf"))


@pytest.fixture(scope="module")
def siglip_folder(hf_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.siglip(tmp_path_factory.mktemp("siglip"), hf_folder)


@pytest.fixture(scope="module")
def open_clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.open_clip_model(tmp_path_factory.mktemp("open_clip"))


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


def test_cut_captions_are_counted_in_the_record(tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_models.adapter_run(tmp_path), tier="heads", adapter=None, curvature="identity")
    table = Path(config.pairs)
    lines = table.read_text().splitlines()
    for number in (2, 5):
        lines[number] = lines[number].replace(",", ",red red red red ", 1)
    table.write_text("\n".join(lines))
    found = write_features(tmp_path / "features", config, load_data_set(config.pairs).pairs, lambda done, of: None)
    assert "2 captions are longer than the text encoder's 8 tokens; what is beyond is not seen." in found["notes"]


def test_one_token_too_many_is_cut_and_none_too_many_is_not(hf_folder: Path, open_clip_folder: Path) -> None:
    for folder, most in ((hf_folder, 8), (open_clip_folder, 12)):
        model = load_model(str(folder), CPU, torch.float32)
        assert model.max_tokens == most
        words = ["red " * (most - 2), "red " * (most - 1)]  # and the marks of the beginning and the end
        assert [model.prepare_texts([one])[1] for one in words] == [0, 1]
