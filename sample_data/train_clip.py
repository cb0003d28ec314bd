"""Train the sample model: `python sample_data/train_clip.py`, or `--evaluate` to print the card's figures.

Phase A learns from clean scenes drawn on the spot, none of them in a confusion's cluster; phase B tunes the two
projection heads on the noisy train split to convergence. So what the model says inside the clusters comes from the
train split alone. The heads of phase A are kept beside the model, as the reference that phase B is pulled towards.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded: no busy waiting on a shared machine

import numpy as np
import pandas as pd
import torch
from clip_model import LOGIT_SCALE, build_model, build_tokenizer, save, to_tokens
from evaluation import measure, read_split, report
from finetune import Heads, HeadTuning, tune_heads
from pretrain import STAGES, all_clean_scenes, pretrain
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPModel, PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
START = "start_heads.safetensors"


def train_towers(out: Path) -> None:
    """Phase A, from scratch; writes the model, and its heads once more: phase B overwrites the model's own."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer)
    clean = all_clean_scenes()
    for number, recipe in enumerate(STAGES, 1):
        _watch(f"phase A, stage {number}", pretrain(model, tokenizer, clean, recipe))
    out.mkdir(parents=True, exist_ok=True)
    save(out, model, tokenizer)
    heads = _heads(model)
    save_file({"text_projection": heads.text, "visual_projection": heads.image}, out / START)


def train_heads(data: Path, out: Path, recipe: HeadTuning) -> None:
    """Phase B: tune the heads on the train split, and write them into the model."""
    model, tokenizer = _load(out)
    train = read_split(data, "train", model, tokenizer)
    heads, before, after = tune_heads(_start(out), (train.image, train.text), recipe)
    model.text_projection.weight.data.copy_(heads.text)
    model.visual_projection.weight.data.copy_(heads.image)
    model.logit_scale.data.fill_(float(np.log(heads.logit_scale)))
    save(out, model, tokenizer)
    print(f"phase B: norm of the objective's gradient {before:.2e} at the start, {after:.2e} at the end")


def evaluate(data: Path, out: Path) -> str:
    """The table of the model card; its last column is phase B again without the planted confusions."""
    model, tokenizer = _load(out)
    test, prompts = read_split(data, "test", model, tokenizer), _prompts(data, model, tokenizer)
    train, truth = read_split(data, "train", model, tokenizer), pd.read_csv(data / "ground_truth.csv")
    planted = truth.loc[truth["error_kind"] == "confusion", "pair_id"]
    kept = torch.from_numpy(~train.pairs["pair_id"].isin(planted).to_numpy())
    without, _, _ = tune_heads(_start(out), (train.image[kept], train.text[kept]), HeadTuning())
    columns = {"phase A": _start(out), "phase B (this model)": _heads(model), "phase B without planted": without}
    return report({name: measure(data, heads, test, prompts) for name, heads in columns.items()})


def _watch(name: str, steps: Iterator[tuple[int, float]]) -> None:
    recent, started = [], time.monotonic()
    for step, loss in steps:
        recent.append(loss)
        if step % 50 == 0:
            mean, seconds = sum(recent[-50:]) / 50, time.monotonic() - started
            print(f"{name}   step {step:5d}   {mean:.3f} nats per pair   {seconds:.0f} s", flush=True)


@torch.no_grad()
def _prompts(data: Path, model: CLIPModel, tokenizer: PreTrainedTokenizerFast) -> Tensor:
    classes = (data / "classes.txt").read_text(encoding="utf-8").splitlines()
    templates = (data / "templates.txt").read_text(encoding="utf-8").splitlines()
    texts = [template.replace("{}", name) for name in classes for template in templates]
    return model.text_model(**to_tokens(tokenizer, texts)).pooler_output


def _load(folder: Path) -> tuple[CLIPModel, PreTrainedTokenizerFast]:
    return CLIPModel.from_pretrained(folder).eval(), PreTrainedTokenizerFast.from_pretrained(folder)


def _heads(model: CLIPModel) -> Heads:
    text, image = model.text_projection.weight.detach().clone(), model.visual_projection.weight.detach().clone()
    return Heads(text, image, LOGIT_SCALE)


def _start(folder: Path) -> Heads:
    tensors = load_file(folder / START)
    return Heads(tensors["text_projection"], tensors["visual_projection"], LOGIT_SCALE)


def main() -> None:
    """Read the command line, train what is asked for, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE, help="folder of pairs.csv")
    parser.add_argument("--out", type=Path, default=HERE / "model", help="folder of the model")
    parser.add_argument("--evaluate", action="store_true", help="only print the figures of the model card")
    parser.add_argument("--heads-only", action="store_true", help="keep phase A, repeat phase B")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not options.evaluate:
        if not options.heads_only:
            train_towers(options.out)
        train_heads(options.data, options.out, HeadTuning())
    print(evaluate(options.data, options.out))


if __name__ == "__main__":
    main()
