"""Checkpoints from strangers: none runs a program, and each that cannot be used is refused in one sentence."""

import json
import pickle
from pathlib import Path

import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.models import load_model
from engine.models.lora import load_adapter

CPU = torch.device("cpu")


class Trap:
    """Unpickled, it makes a file: as a stranger's program would."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self) -> tuple:
        return Path.touch, (self.sign,)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return tiny_models.hf_clip(tmp_path / "clip")


@pytest.fixture
def open_clip_folder(tmp_path: Path) -> Path:
    return tiny_models.open_clip_model(tmp_path / "open")


def refused(spec: str) -> str:
    with pytest.raises(ModelError) as error:
        load_model(spec, CPU, torch.float32)
    said = str(error.value)
    assert said.startswith("Expected ") and "\n" not in said and len(said) < 900
    return said


def weights(folder: Path) -> Path:
    return next(folder.glob("*.safetensors"))


def set_traps(folder: Path, sign: Path, *names: str) -> None:
    for name in names:
        torch.save({"weights": Trap(sign)}, folder / name)
        (folder / f"raw_{name}").write_bytes(pickle.dumps(Trap(sign)))


def test_the_trap_works(tmp_path: Path) -> None:
    torch.save(Trap(tmp_path / "sign"), tmp_path / "x.bin")
    torch.load(tmp_path / "x.bin", weights_only=False)
    assert (tmp_path / "sign").exists()


def test_a_pickled_transformers_checkpoint_is_refused_with_the_reason(clip: Path, tmp_path: Path) -> None:
    weights(clip).unlink()
    set_traps(clip, tmp_path / "sign", "pytorch_model.bin")
    assert "a pickle: opening it could run any program" in refused(str(clip))
    assert not (tmp_path / "sign").exists()


def test_pickles_beside_safetensors_are_left_alone(clip: Path, open_clip_folder: Path, tmp_path: Path) -> None:
    for folder in (clip, open_clip_folder):
        set_traps(folder, tmp_path / "sign", "pytorch_model.bin", "open_clip_pytorch_model.bin", "training_args.bin")
        load_model(str(folder), CPU, torch.float32)
    assert not (tmp_path / "sign").exists()


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "model.pth"])
def test_a_pickled_open_clip_checkpoint_is_refused_even_beside_safetensors_of_another_name(
    open_clip_folder: Path, tmp_path: Path, name: str
) -> None:
    weights(open_clip_folder).rename(open_clip_folder / "other.safetensors")
    set_traps(open_clip_folder, tmp_path / "sign", name)
    assert "the pickle" in refused(str(open_clip_folder))
    weights(open_clip_folder).unlink()
    assert "a pickle: opening it" in refused(str(open_clip_folder))
    assert not (tmp_path / "sign").exists()


def test_a_file_is_no_tag(tmp_path: Path) -> None:
    set_traps(tmp_path, tmp_path / "sign", "evil.pt")
    assert "one of the tags of ViT-B-32" in refused(f"open_clip:ViT-B-32/{tmp_path}/evil.pt")
    assert "a model that open_clip knows" in refused(f"open_clip:{tmp_path}/evil.pt")
    assert not (tmp_path / "sign").exists()


def test_a_pickled_adapter_is_not_opened(clip: Path, tmp_path: Path) -> None:
    adapter = tiny_models.trained_adapter(tmp_path / "adapter", str(clip), "hf")
    weights(adapter).unlink()
    set_traps(adapter, tmp_path / "sign", "adapter_model.bin")
    module = load_model(str(clip), CPU, torch.float32).module
    with pytest.raises(ModelError, match="pickled adapter"):
        load_adapter(adapter, module)
    assert not (tmp_path / "sign").exists()


@pytest.mark.parametrize("model_type", ["clip", "clip_of_mine"])
def test_code_that_a_folder_brings_along_is_not_run(clip: Path, tmp_path: Path, model_type: str) -> None:
    sign = tmp_path / "sign"
    (clip / "modeling_evil.py").write_text(
        f"from pathlib import Path\nPath({str(sign)!r}).touch()\nclass Evil: pass\nclass EvilConfig: pass\n"
    )
    names = {"AutoConfig": "EvilConfig", "AutoModel": "Evil", "AutoTokenizer": ["Evil", None],
             "AutoImageProcessor": "Evil"}  # fmt: skip
    code = {name: f"modeling_evil.{one}" if isinstance(one, str) else [f"modeling_evil.{one[0]}", None]
            for name, one in names.items()}  # fmt: skip
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        values = json.loads((clip / name).read_text())
        values |= {"auto_map": code} | ({"model_type": model_type} if name == "config.json" else {})
        (clip / name).write_text(json.dumps(values))
    if model_type == "clip":
        assert load_model(str(clip), CPU, torch.float32).heads.text.shape == (6, 16)
    else:
        refused(str(clip))
    assert not sign.exists()


@pytest.mark.parametrize("kind", ["hf", "open_clip"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("cut", "cut off or damaged"), ("head", "cut off or damaged"), ("empty", "cut off or damaged"),
        ("no tensors", "without any tensor"), ("link to nothing", "a link to nothing"),
        ("missing", "without weights for|Missing key"), ("shape", "another shape|size mismatch"),
        ("config cut", "readable"), ("config a list", "named values"), ("config deep", "readable"),
        ("config of numbers", "model"), ("adapter inside", "--adapter"),
    ],
)  # fmt: skip
def test_a_damaged_checkpoint_is_refused_with_what_is_wrong(
    kind: str, damage: str, words: str, clip: Path, open_clip_folder: Path
) -> None:
    folder = clip if kind == "hf" else open_clip_folder
    config = folder / ("config.json" if kind == "hf" else "open_clip_config.json")
    path, tensors = weights(folder), load_file(weights(folder))
    data, first = path.read_bytes(), next(name for name in sorted(tensors) if "fc" in name and tensors[name].ndim == 2)
    if damage in ("cut", "head", "empty"):
        path.write_bytes({"cut": data[: len(data) // 2], "head": b"\xff" * 64, "empty": b""}[damage])
    elif damage == "no tensors":
        save_file({}, path)
    elif damage == "link to nothing":
        path.unlink()
        path.symlink_to(folder / "gone")
    elif damage == "missing":
        save_file({name: part for name, part in tensors.items() if name != first}, path)
    elif damage == "shape":
        save_file({**tensors, first: torch.zeros(3, 3)}, path)
    elif damage == "adapter inside":
        (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    else:
        text = {"config cut": '{"model', "config a list": "[1]", "config deep": '{"a":' * 100_000,
                "config of numbers": '{"model_type": 7, "model_cfg": 7}'}[damage]  # fmt: skip
        config.write_text(text)
    said = refused(f"{kind}:{folder}")
    assert any(word in said for word in words.split("|")), said


def test_weights_that_nothing_uses_are_noted(clip: Path) -> None:
    save_file({**load_file(weights(clip)), "of_another.model": torch.zeros(2)}, weights(clip))
    assert any("of_another.model" in note for note in load_model(str(clip), CPU, torch.float32).notes)


def test_links_to_whole_files_are_read_as_in_the_hubs_cache(clip: Path, tmp_path: Path) -> None:
    weights(clip).rename(tmp_path / "blob")
    (clip / "model.safetensors").symlink_to(tmp_path / "blob")
    load_model(str(clip), CPU, torch.float32)


def test_missing_weights_without_a_network_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refused("hf:no-such-owner/no-such-model")
    assert "hf download no-such-owner/no-such-model --local-dir FOLDER" in said and "--model hf:FOLDER" in said
    assert "the same command downloads the weights" in refused("open_clip:ViT-B-32/openai")
    assert "the same command downloads the weights" in refused("open_clip:hf-hub:no-such-owner/no-such-model")
    assert "nothing at /no/such/folder" in refused("hf:/no/such/folder")
