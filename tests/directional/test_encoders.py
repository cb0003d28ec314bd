"""Scores through full encoders against autograd on L(B) − L(B without n), in the model's own parameters."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tiny_models
import torch
from oracles import BATCH_LOSSES
from torch import Tensor
from torch.nn.functional import normalize

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES
from engine.curvature import GaussNewton
from engine.directional import rules
from engine.directional.derivatives import WAYS
from engine.errors import ConfigError, ModelError
from engine.influence.leave_out import without_group
from engine.influence.scores import role_scores
from engine.models.lora import load_adapter
from engine.objective import summed_loss
from engine.sources import EncoderSource, load_encoder, load_encoder_source

CPU = torch.device("cpu")
BATCHES = ([0, 2, 4, 6, 8], [1, 3, 5, 7])
REGEX = r"(layers\.0|resblocks\.0)\..*(q_proj|c_fc)"
EVERYTHING = [(kind, tier) for kind in tiny_models.LORA_TARGETS for tier in ("lora", "all", REGEX)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tiny models, an adapter for each, and ten pairs."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_models.hf_clip(folder / "hf")
    tiny_models.siglip(folder / "siglip", folder / "hf")
    tiny_models.open_clip_model(folder / "open_clip")
    for kind in tiny_models.LORA_TARGETS:
        tiny_models.trained_adapter(folder / f"{kind}_adapter", str(folder / kind), kind)
    tiny_models.picture_table(folder / "pairs", 10)
    return folder


def config_of(folder: Path, kind: str, tier: str, **options: object) -> RunConfig:
    adapter = str(folder / f"{kind}_adapter") if tier == "lora" else None
    given = {"dtype": "float64", "log_logit_scale": True, "chunk_size": 3, **options}
    return RunConfig("pairs.csv", str(folder / kind), tier=tier, adapter=adapter, **given)


def source_of(config: RunConfig, folder: Path) -> EncoderSource:
    table = pd.read_csv(folder / "pairs" / "pairs.csv").assign(images=str(folder / "pairs"))
    return load_encoder_source(config, table, ["a thing"], {}, CPU)


def removal_gradients(config: RunConfig, folder: Path, source: EncoderSource, loss: str) -> Tensor:
    """∇[L(B) − L(B without n)] of every pair, `[pairs, parameters]`."""
    rows = []
    for pair in range(9):
        batch = next(b for b in BATCHES if pair in b)
        rows.append(group_gradient(config, folder, source, loss, batch, [p for p in batch if p != pair]))
    return torch.stack(rows)


def group_gradient(
    config: RunConfig, folder: Path, source: EncoderSource, loss: str, batch: list[int], rest: list[int]
) -> Tensor:
    """∇[L(batch) − L(rest)], `[parameters]`, from the gradients of the model's own weights."""
    encoder, _ = load_encoder(config.model, "oracle", config.adapter, False, CPU, "float64")
    adapter = load_adapter(config.adapter, encoder.module) if config.adapter else None
    weights = dict(encoder.module.requires_grad_(True).named_parameters())
    everyone = torch.arange(10)
    pixels = torch.cat([part for _, part in source.towers.inputs.chunks("image", everyone, 10)])
    _, tokens = next(source.towers.inputs.chunks("text", everyone, 10))

    def batch_loss(pairs: list[int]) -> Tensor:
        text = normalize(encoder.embed_texts({name: part[pairs] for name, part in tokens.items()}))
        image = normalize(encoder.embed_images(pixels[pairs]))
        bias = weights.get("logit_bias", 0.0)
        return BATCH_LOSSES[loss](weights["logit_scale"].exp() * text @ image.T + bias)

    removed = batch_loss(batch) - batch_loss(rest)
    found = torch.autograd.grad(removed, list(weights.values()), materialize_grads=True)
    grads = dict(zip(weights, found, strict=True))
    grads |= {"log_logit_scale": grads["logit_scale"]}
    for factor in adapter.factors if adapter else ():
        changed = grads[factor.weight]
        grads[factor.down] = factor.scaling * adapter.tensors[factor.up].T @ changed
        grads[factor.up] = factor.scaling * changed @ adapter.tensors[factor.down].T
    subset = source.towers.subset
    return subset.flatten({n: grads[n].reshape(1, *shape) for n, shape in subset.shapes.items()})[0].detach()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("kind", "tier"), EVERYTHING)
def test_scores_equal_brute_force_for_every_model_tier_and_loss(kind: str, tier: str, loss: str, folder: Path) -> None:
    config = config_of(folder, kind, tier, loss=loss)
    source = source_of(config, folder)
    truth = removal_gradients(config, folder, source, loss)
    segmentation = BatchSegmentation(tuple(np.array(batch) for batch in BATCHES), 9)
    directions = torch.randn(2, len(source.theta), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = role_scores(source.pairs(torch.arange(9)), LOSSES[loss], segmentation, directions).both
    expected = directions @ truth.T
    assert (found - expected).norm() < 1e-9 * expected.norm()
    assert source.check.chosen == "forward"
    assert expected.abs().min() > 1e-6


@pytest.mark.parametrize("loss", LOSSES)
def test_the_group_term_of_an_adapter_equals_brute_force(loss: str, folder: Path) -> None:
    config, group = config_of(folder, "hf", "lora", loss=loss), np.array([0, 2, 3])
    source = source_of(config, folder)
    segmentation = BatchSegmentation(tuple(np.array(batch) for batch in BATCHES), 9)
    feature_map = source.pairs(torch.arange(9))
    _, whole = summed_loss(feature_map, LOSSES[loss], segmentation.batches)
    _, rest = summed_loss(feature_map, LOSSES[loss], without_group(segmentation, group).batches)
    expected = sum(
        group_gradient(config, folder, source, loss, batch, [p for p in batch if p not in group]) for batch in BATCHES
    )
    torch.testing.assert_close((whole - rest)[0], expected, rtol=1e-9, atol=1e-11)
    singles = removal_gradients(config, folder, source, loss)[group].sum(0)
    assert (singles - expected).norm() > 1e-3 * expected.norm()


@pytest.mark.parametrize(("kind", "tier"), EVERYTHING)
def test_what_the_model_gives_is_what_the_towers_give(kind: str, tier: str, folder: Path) -> None:
    config = config_of(folder, kind, tier)
    source = source_of(config, folder)
    encoder, _ = load_encoder(config.model, "own", config.adapter, False, CPU, "float64")
    everyone = torch.arange(10)
    _, pixels = next(source.towers.inputs.chunks("image", everyone, 10))
    _, tokens = next(source.towers.inputs.chunks("text", everyone, 10))
    found = source.pairs(everyone).features(everyone, everyone)
    torch.testing.assert_close(found.image, normalize(encoder.embed_images(pixels)))
    torch.testing.assert_close(found.text, normalize(encoder.embed_texts(tokens)))
    assert found.image.std(0).max() > 0.01


@pytest.mark.parametrize(("kind", "tier"), [("hf", "lora"), ("open_clip", "lora"), ("open_clip", "all")])
def test_the_chunk_bounds_memory_and_changes_no_gradient_tangent_or_curvature_product(kind, tier, folder: Path) -> None:
    pairs, found = torch.arange(9), []
    segmentation = BatchSegmentation((pairs.numpy(),), 9)
    for chunk_size in (2, 9):
        source = source_of(config_of(folder, kind, tier, chunk_size=chunk_size), folder)
        directions = torch.randn(2, len(source.theta), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        feature_map = source.pairs(pairs)
        _, gradient = summed_loss(feature_map, LOSSES["clip"], segmentation.batches)
        product = GaussNewton(feature_map, LOSSES["clip"], segmentation).matvec(directions)
        found.append([gradient, product, feature_map.tangents(pairs, pairs, directions).image])
    for small, large in zip(*found, strict=True):
        torch.testing.assert_close(small, large, rtol=1e-10, atol=1e-12)
        assert large.abs().max() > 1e-3


def test_directions_asked_together_share_one_pass_for_the_values(folder: Path, monkeypatch) -> None:
    source, pairs = source_of(config_of(folder, "open_clip", "lora", chunk_size=9), folder), torch.arange(9)
    directions = torch.randn(3, len(source.theta), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    values: list[None] = []
    real = rules.LowRankLinear.apply
    monkeypatch.setattr(rules, "LowRankLinear", SimpleNamespace(apply=lambda *a: (values.append(None), real(*a))[1]))
    alone = torch.cat([source.pairs(pairs).tangents(pairs, pairs, one[None]).image for one in directions])
    apart, values[:] = len(values), []
    together = source.pairs(pairs).tangents(pairs, pairs, directions).image
    assert apart == 3 * len(values) > 0
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-13)


def test_central_differences_agree_with_forward_mode(folder: Path) -> None:
    pairs = torch.arange(9)
    found = {}
    for way in WAYS:
        source = source_of(config_of(folder, "open_clip", "lora", derivative=way), folder)
        directions = torch.randn(1, len(source.theta), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        found[way] = source.pairs(pairs).tangents(pairs, pairs, directions).image
        assert source.record["way"] == WAYS[way].name
    torch.testing.assert_close(found["central"], found["forward"], rtol=1e-6, atol=1e-7)
    assert not torch.equal(found["central"], found["forward"])


def test_a_model_without_forward_rules_is_differentiated_by_differences_and_says_so(folder, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError("no forward rule for this kernel")

    monkeypatch.setattr(type(WAYS["forward"]), "along", refuse)
    source = source_of(config_of(folder, "hf", "lora"), folder)
    assert source.check.chosen == "central"
    assert "no forward rule for this kernel" in source.record["reason"]


def test_a_derivative_that_is_wrong_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def along(self: object, function, start: dict[str, Tensor], directions: dict[str, Tensor], tape: object) -> list:
        return [function(start, None) for _ in next(iter(directions.values()))]

    monkeypatch.setattr(type(WAYS["central"]), "along", along)
    with pytest.raises(ModelError, match="agree with gradients"):
        source_of(config_of(folder, "hf", "lora", derivative="central"), folder)


def test_a_tower_that_no_parameter_belongs_to_is_never_differentiated(folder: Path) -> None:
    source = source_of(config_of(folder, "hf", r"vision_model.*q_proj", log_logit_scale=False), folder)
    pairs = torch.arange(9)
    directions = torch.ones(1, len(source.theta), dtype=torch.float64)
    assert source.record["towers"] == ["image"]
    assert source.pairs(pairs).tangents(pairs, pairs, directions).text.abs().max() == 0
    assert source.pairs(pairs).tangents(pairs, pairs, directions).image.abs().max() > 0


def test_a_moved_map_has_the_features_of_the_moved_parameters(folder: Path) -> None:
    source = source_of(config_of(folder, "hf", "lora"), folder)
    pairs = torch.arange(9)
    direction = torch.randn(len(source.theta), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    step, start = 1e-5, source.pairs(pairs).features(pairs, pairs).image
    moved = source.moved(step * direction).pairs(pairs).features(pairs, pairs).image
    tangent = source.pairs(pairs).tangents(pairs, pairs, direction[None]).image[0]
    torch.testing.assert_close((moved - start) / step, tangent, rtol=1e-3, atol=1e-3)
    assert tangent.abs().max() > 0.1


def test_no_rows_at_all_have_no_features(folder: Path) -> None:
    nobody = torch.arange(0)
    found = source_of(config_of(folder, "hf", "lora"), folder).pairs(torch.arange(9)).features(nobody, nobody)
    assert found.text.shape == found.image.shape == (0, 6)


def test_parameters_that_no_tower_reads_are_refused(folder: Path) -> None:
    source = source_of(config_of(folder, "hf", "all"), folder)
    unread = set(source.towers.parameters) - set(source.towers.read_by["image"]) - set(source.towers.read_by["text"])
    for name in unread - {"log_logit_scale"}:
        with pytest.raises(ConfigError, match="towers read"):
            source_of(config_of(folder, "hf", f"^{name}$"), folder)


def test_half_precision_is_never_differenced_unasked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no forward rule in this precision")

    monkeypatch.setattr(type(WAYS["forward"]), "along", refuse)
    with pytest.raises(ModelError, match="--dtype float32"):
        source_of(config_of(folder, "hf", "lora", dtype="bfloat16"), folder)


def test_an_expression_that_matches_nothing_is_refused_with_examples(folder: Path) -> None:
    with pytest.raises(ConfigError, match="matches names such as"):
        source_of(config_of(folder, "hf", "no_such_layer"), folder)


@pytest.mark.parametrize("tier", ["lora", "all"])
@pytest.mark.parametrize("kind", ["hf", "open_clip"])
def test_a_moved_source_is_saved_as_a_checkpoint_that_loads_again(
    kind: str, tier: str, folder: Path, tmp_path: Path
) -> None:
    config = config_of(folder, kind, tier, log_logit_scale=tier == "all", dtype="float32")
    source = source_of(config, folder)
    change = 0.01 * torch.randn(len(source.theta), generator=torch.Generator().manual_seed(5))
    moved = source.moved(change)
    moved.save(tmp_path / "saved")
    saved = {"adapter": str(tmp_path / "saved")} if tier == "lora" else {"model": str(tmp_path / "saved")}
    again = source_of(RunConfig(**{**vars(config), **saved}), folder)
    torch.testing.assert_close(again.theta, moved.theta)
    assert (again.theta - source.theta).abs().max() > 1e-3
