"""The steps of a training against plain autograd, and what must not matter to them."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from small_data import model, small_table
from torch.nn.functional import cross_entropy

from engine.errors import BatchesError, ConfigError, ModelError, RunFolderDamaged, TrainingError
from engine.finetune.job import load_training, rows_of
from engine.finetune.learners import attention_and_mlp
from engine.finetune.training import fit, learning_rate
from engine.models import load_model

NOBODY = np.array([], dtype=int)


def trained(recipe, left_out=NOBODY):
    task, learner = load_training(recipe)
    return fit(task, learner, left_out, None, lambda done, of: None), learner, task


def moved(fitted, learner):
    return max(float((fitted.parameters[name] - part).abs().max()) for name, part in learner.start.items())


def plain_training(recipe, task, left_out):
    """The same by torch alone: CLIP's own forward, cross entropies, autograd through the whole batch."""
    from transformers import CLIPModel

    encoder = load_model(recipe.model, torch.device("cpu"), torch.float64)
    clip = CLIPModel.from_pretrained(recipe.model.removeprefix("hf:")).double().eval()
    weights = {name: part for name, part in clip.named_parameters() if name != "logit_scale"}
    start = {name: part.detach().clone() for name, part in weights.items()}
    optimizer = torch.optim.AdamW(weights.values(), weight_decay=recipe.weight_decay)
    from engine.pairs import open_picture

    for epoch, rate in enumerate((recipe.learning_rate, recipe.learning_rate / 2)):
        rows = [row for row in task.segmentations[epoch].batches[0] if row not in left_out]
        some = task.pairs.iloc[rows]
        images = [open_picture(place, image) for place, image in zip(some["images"], some["image"], strict=True)]
        tokens, _ = encoder.prepare_texts(some["caption"].tolist())
        logits = clip(**tokens, pixel_values=encoder.prepare_images(images)).logits_per_text
        truth = torch.arange(len(rows))
        summed = 0.5 * (cross_entropy(logits, truth, reduction="sum") + cross_entropy(logits.T, truth, reduction="sum"))
        away = sum((part - start[name]).square().sum() for name, part in weights.items())
        (summed / 12 + recipe.damping / 2 * away).backward()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
    return {name: part.detach() for name, part in weights.items()}


@pytest.mark.parametrize("left_out", [NOBODY, np.array([2, 5, 11])])
@pytest.mark.parametrize("chunk_size", [5, 256])
def test_steps_equal_plain_autograd_through_the_whole_batch(recipe, left_out, chunk_size) -> None:
    one = recipe(tier="all", batch_size=12, warmup=0.0, damping=0.3, weight_decay=0.02, chunk_size=chunk_size)
    found, learner, task = trained(one, left_out)
    expected = plain_training(one, task, left_out)
    assert found.parameters.keys() == expected.keys()
    for name, part in expected.items():
        # softmax ignores what is added to all keys: that gradient is rounding, and Adam divides it by its own size
        tolerance = 1e-3 if name.endswith("k_proj.bias") else 1e-9
        torch.testing.assert_close(found.parameters[name], part, rtol=tolerance, atol=tolerance)
    assert moved(found, learner) > 0.01


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("hf", {"tier": "heads"}),
        ("hf", {"tier": "lora"}),
        ("hf", {"tier": "text_model.*(fc1|q_proj)", "loss": "dcl", "log_logit_scale": True}),
        ("siglip", {"tier": "all", "loss": "siglip", "log_logit_scale": True}),
        ("siglip", {"tier": "lora", "loss": "siglip"}),
        ("open_clip", {"tier": "lora"}),
    ],
)
def test_the_chunk_size_changes_no_weight_and_the_batch_size_does(recipe, kind, options) -> None:
    whole, learner, _ = trained(recipe(kind, **options))
    pieces, _, _ = trained(recipe(kind, **options, chunk_size=4))
    larger, _, _ = trained(recipe(kind, **options, batch_size=12))
    for name, part in whole.parameters.items():
        torch.testing.assert_close(pieces.parameters[name], part, rtol=1e-9, atol=1e-9)
    assert moved(whole, learner) > 1e-3
    assert any((larger.parameters[name] - part).abs().max() > 1e-4 for name, part in whole.parameters.items())


@pytest.mark.parametrize("tier", ["heads", "lora", "all"])
def test_training_lowers_its_loss_and_every_pair_is_in_one_batch_of_every_epoch(recipe, tier) -> None:
    found, _, task = trained(recipe(tier=tier, epochs=12, learning_rate=0.02))
    losses = [one["train_loss"] for one in found.epochs]
    assert losses[-1] < 0.9 * losses[0]
    assert [one["epoch"] for one in found.epochs] == list(range(1, 13))
    for cut in task.segmentations:
        assert sorted(np.concatenate(cut.batches)) == list(range(12))
    assert not np.array_equal(task.segmentations[0].batches[0], task.segmentations[1].batches[0])


def test_the_penalty_towards_the_start_keeps_the_weights_near_it(recipe) -> None:
    free, learner, _ = trained(recipe(epochs=30))
    held, _, _ = trained(recipe(epochs=30, damping=10.0))
    away = [
        sum(float((one.parameters[n] - p).square().sum()) for n, p in learner.start.items()) for one in (free, held)
    ]
    assert 0 < away[1] < 0.1 * away[0]


def test_the_gradient_norm_is_that_of_the_objective_without_the_pairs(recipe) -> None:
    left_out = np.array([1, 7])
    found, learner, task = trained(recipe(damping=0.2), left_out)
    leaves = {name: part.requires_grad_() for name, part in found.parameters.items()}
    objective = 0.1 * sum((part - learner.start[name]).square().sum() for name, part in leaves.items())
    for batch in (batch for cut in task.segmentations for batch in cut.batches):
        rows = torch.tensor([row for row in batch if row not in left_out])
        features = learner._features(leaves, rows)
        logits = features.log_logit_scale.exp() * features.text @ features.image.T
        truth = torch.arange(len(rows))
        entropy = cross_entropy(logits, truth, reduction="sum") + cross_entropy(logits.T, truth, reduction="sum")
        objective = objective + 0.5 * entropy / (2 * 12)
    grads = torch.autograd.grad(objective, list(leaves.values()))
    expected = float(torch.cat([part.flatten() for part in grads]).norm())
    assert found.gradient_norm == pytest.approx(expected, rel=1e-9) and expected > 1e-4


def test_a_batch_that_is_left_out_whole_leaves_the_other_steps_in_place(recipe) -> None:
    one = recipe(epochs=1)
    _, _, task = trained(one)
    gone = task.segmentations[0].batches[1]
    found, learner, _ = trained(one, gone)
    assert len(found.epochs) == 1 and moved(found, learner) > 0 and np.isfinite(found.epochs[0]["train_loss"])


def test_the_learning_rate_rises_and_falls(recipe) -> None:
    rates = [learning_rate(recipe(warmup=0.2, learning_rate=1.0), step, 20) for step in range(20)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert all(a > b for a, b in pairwise(rates[4:])) and 0 < rates[-1] < 0.05


def test_layers_of_attention_and_mlp_are_found_in_every_kind_of_model(tiny_specs) -> None:
    expected = {
        "hf": "mlp.fc1 mlp.fc2 self_attn.k_proj self_attn.out_proj self_attn.q_proj self_attn.v_proj",
        "open_clip": "attn mlp.c_fc mlp.c_proj",
    }
    for kind, names in expected.items():
        module = load_model(tiny_specs[kind], torch.device("cpu"), torch.float32).module
        assert attention_and_mlp(module) == tuple(names.split())


def test_the_same_training_in_half_precision_comes_near(recipe, tmp_path) -> None:
    # the tiny models' features are nearly constant, so half precision would round away what tells pairs apart
    sample = {"pairs": str(small_table(tmp_path)), "model": model(), "tier": "lora", "learning_rate": 1e-3}
    full, learner, _ = trained(recipe(**sample, dtype="float32"))
    for dtype in ("bfloat16", "float16"):
        half, _, _ = trained(recipe(**sample, dtype=dtype))
        assert all(part.dtype == torch.float32 for part in half.parameters.values())
        # Adam moves a weight by its gradient's sign, so single weights may differ; the loss may not
        assert half.epochs[-1]["train_loss"] == pytest.approx(full.epochs[-1]["train_loss"], rel=0.05)
        assert half.epochs[-1]["train_loss"] != full.epochs[-1]["train_loss"]
    assert moved(full, learner) > 1e-3


def test_a_loss_that_is_not_finite_names_the_epoch_and_a_way_out(recipe) -> None:
    with pytest.raises(TrainingError, match=r"nan in epoch [12]. Lower --learning-rate \(now 1e\+35\)"):
        trained(recipe(tier="all", dtype="float32", learning_rate=1e35, warmup=0.0))


def test_half_precision_overflow_is_said(recipe, tmp_path) -> None:
    from transformers import CLIPModel

    one = recipe(tier="lora")
    folder, source = tmp_path / "huge", one.model.removeprefix("hf:")
    load_model(one.model, torch.device("cpu"), torch.float32).save(folder)
    larger = CLIPModel.from_pretrained(source)
    with torch.no_grad():
        larger.vision_model.encoder.layers[0].mlp.fc1.weight.mul_(1e7)
    larger.save_pretrained(folder)
    huge = dataclasses.replace(one, model=f"hf:{folder}", dtype="float16")
    with pytest.raises(TrainingError, match=r"nan before training. Use --dtype float32 where half precision"):
        trained(huge)
    trained(dataclasses.replace(huge, dtype="float32"))


def test_what_cannot_be_trained_is_refused_before_it_begins(recipe) -> None:
    with pytest.raises(BatchesError, match="3 pairs in every batch for --loss dcl, got a batch of 2"):
        trained(recipe(loss="dcl", batch_size=2))
    with pytest.raises(BatchesError, match="got 12 pairs"):
        trained(recipe(batch_size=64))
    with pytest.raises(ModelError, match="both end in a linear projection"):
        trained(recipe("siglip", loss="siglip"))
    with pytest.raises(ConfigError, match="matches parameter names"):
        trained(recipe(tier="nothing_like_it"))
    task, _ = load_training(recipe())
    assert rows_of(task, []).size == 0 and rows_of(task, task.train_ids[[4]]).tolist() == [4]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs to be a whole number"),
        ({"learning_rate": 0.0}, "learning_rate to be a positive number"),
        ({"damping": -1.0}, "damping to be 0 or more"),
        ({"warmup": 1.0}, "warmup"),
        ({"loss": "hinge"}, "loss to be one of"),
        ({"tier": "lora", "log_logit_scale": True}, "no place for the temperature"),
        ({"tier": "heads", "targets": ("q_proj",)}, "--targets with a new adapter"),
    ],
)
def test_options_that_make_no_sense_are_refused(recipe, options, words) -> None:
    with pytest.raises(ConfigError, match=words):
        recipe(**options)


@pytest.mark.parametrize("options", [{"log_logit_scale": True}, {"tier": "lora", "dtype": "float16"}])
def test_a_checkpoint_keeps_the_temperature_and_the_scale_of_float16(recipe, options, tmp_path) -> None:
    one = recipe(epochs=5, checkpoint_steps=3, damping=0.1, **options)
    task, learner = load_training(one)
    whole = fit(task, learner, NOBODY, None, lambda done, of: None)

    def stop(done: int, of: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    path, steps = tmp_path / "checkpoint.safetensors", []
    with pytest.raises(KeyboardInterrupt):
        fit(task, learner, NOBODY, path, stop)
    resumed = fit(task, learner, NOBODY, path, lambda done, of: steps.append(done))
    assert steps == [7, 8, 9, 10]  # the sixth step was the last that was kept
    assert all(torch.equal(part, resumed.parameters[name]) for name, part in whole.parameters.items())
    assert moved(whole, learner) > 1e-3


def test_a_damaged_checkpoint_is_said(recipe, tmp_path) -> None:
    task, learner = load_training(recipe())
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"half a fi")
    with pytest.raises(RunFolderDamaged, match="Delete the file: the training then begins anew"):
        fit(task, learner, NOBODY, path, lambda done, of: None)
