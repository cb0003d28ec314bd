"""Throughput, operations and shares of peak, in small and on the processor."""

from pathlib import Path

import pytest
import tiny_models
import torch

from engine.benchmark.gpu_report import throughput_markdown
from engine.benchmark.peak import DATA_SHEET, Peak, data_sheet_tflops, matmul_tflops
from engine.benchmark.sizing import Assumed, sizes
from engine.benchmark.throughput import Throughput, measure_throughput
from engine.benchmark.where_time_goes import OTHER, group_of, where_time_goes
from engine.config import RunConfig
from engine.errors import OutOfMemory

CPU = torch.device("cpu")
TIERS = ["heads", "lora", "all"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Throughput:
    model = str(tiny_models.open_clip_model(tmp_path_factory.mktemp("model")))
    config = RunConfig("noise", model, batch_size=6, chunk_size=6)
    return measure_throughput([model], TIERS, config, 12, CPU, lambda line: None)


def test_every_pass_of_every_tier_is_measured(found: Throughput) -> None:
    (model,) = found.models
    assert [one.tier for one in model.passes] == ["", *(tier for tier in TIERS for _ in range(4))]
    plain = model.passes[0]
    for one in model.passes:
        assert one.ratio == pytest.approx(one.seconds / one.num_queries / plain.seconds)
        assert one.pairs_per_second == pytest.approx(12 * one.num_queries / one.seconds)
        assert one.share_of_peak == pytest.approx(one.flops_per_pair * 12 / one.seconds / 1e12 / found.peak.tflops)
        assert one.memory_bytes > 2**20


def test_operations_are_those_that_the_pass_does(found: Throughput) -> None:
    passes = {(one.tier, one.what): one.flops_per_pair for one in found.models[0].passes}
    plain = passes["", "plain embedding pass"]
    # One block each: 12 tokens of width 16, 5 of width 64; patches and projections come on top.
    text = 2 * 12 * (4 * 16 * 16 + 2 * 16 * 64) + 2 * 2 * 12 * 12 * 16
    image = 2 * 5 * (4 * 64 * 64 + 2 * 64 * 256) + 2 * 2 * 5 * 5 * 64 + 2 * 4 * 192 * 64
    assert 1.0 <= plain / (text + image) < 1.1
    assert 2.5 < passes["all", "gradient of the loss"] / plain < 4.5
    assert passes["heads", "scores, 1 query"] < 0.1 * plain
    assert 2 < passes["lora", "scores, 8 queries"] / passes["lora", "scores, 1 query"] <= 8


def test_the_markdown_holds_every_pass_and_sizes_can_be_made_of_the_file(found: Throughput) -> None:
    text = throughput_markdown(found)
    assert text.count("\n| ") == 13 + 1
    assert "No data sheet figure is known" in text and "Where the time goes" in text and "towers in float32" in text
    assert {one.tier for one in sizes(found.as_json(), Assumed())} == set(TIERS)


def test_a_device_is_known_by_its_whole_name() -> None:
    half = torch.bfloat16
    assert data_sheet_tflops("NVIDIA H200", half) == data_sheet_tflops("NVIDIA H100 80GB HBM3", half) == 989.4
    assert data_sheet_tflops("NVIDIA H100 PCIe", half) == 756.0
    assert data_sheet_tflops("NVIDIA A100-SXM4-80GB", half) == 312.0
    assert data_sheet_tflops("NVIDIA L40S", half) == 362.0
    assert data_sheet_tflops("NVIDIA RTX A4000", half) is None  # not an A40
    assert data_sheet_tflops("NVIDIA H200", torch.float32) is None
    assert all(data_sheet_tflops(f"NVIDIA {name}", half) == tflops for name, tflops in DATA_SHEET)


def test_shares_are_of_the_data_sheet_where_there_is_one() -> None:
    assert Peak(312.0, 250.0).tflops == 312.0 and "data sheet's 312" in Peak(312.0, 250.0).words
    assert Peak(None, 250.0).tflops == 250.0
    assert matmul_tflops(CPU, torch.float32) > 1e-3


def test_time_goes_where_the_work_is() -> None:
    left = torch.ones(400, 400)
    spent = where_time_goes(lambda: [left @ left for _ in range(20)], CPU)
    assert next(iter(spent.groups)) == "matrix products" and spent.groups["matrix products"] > 0.5
    assert sum(spent.groups.values()) == pytest.approx(1.0)
    assert group_of("nvjet_hsh_128x256") == group_of("ampere_bf16_s16816gemm") == "matrix products"
    assert group_of("void pytorch_flash::flash_fwd_kernel") == "attention" and group_of("nothing known") == OTHER


def test_what_does_not_run_is_said_and_the_rest_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import engine.benchmark.work as work

    def too_large(*_: object) -> None:
        raise OutOfMemory("enough memory", "less", "Buy more.")

    def broken(*_: object) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(work, "gradient", too_large)
    monkeypatch.setattr(work, "GaussNewton", broken)
    model = str(tiny_models.open_clip_model(tmp_path))
    config = RunConfig("noise", model, batch_size=6, chunk_size=6)
    (found,) = measure_throughput([model], ["heads"], config, 6, CPU, lambda line: None).models
    assert [one.seconds is None for one in found.passes] == [False, True, True, False, False]
    whys = ["does not fit into memory", "RuntimeError: no such kernel"]
    assert [one.why_not for one in found.passes if one.why_not] == whys
