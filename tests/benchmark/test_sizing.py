"""Hours, disk and memory follow from measured rates by one formula."""

import pytest

from engine.benchmark.gpu_report import sizes_markdown
from engine.benchmark.sizing import Assumed, sizes
from engine.benchmark.work import GRADIENT, PLAIN, PRODUCT, scores_for
from engine.errors import ConfigError

RATES = {PLAIN: 1000.0, GRADIENT: 200.0, PRODUCT: 100.0, scores_for(1): 400.0, scores_for(8): 800.0}


def measured(**changed: float | None) -> dict:
    rates = {**RATES, **changed}
    passes = [
        {"what": what, "tier": "" if what == PLAIN else "lora", "pairs_per_second": rate, "memory_bytes": 10 * number}
        for number, (what, rate) in enumerate(rates.items(), 1)
    ]
    model = {"model": "open_clip:ViT-B-32", "image_dim": 768, "text_dim": 512, "embed_dim": 512, "passes": passes}
    return {"device": "a device", "models": [model]}


def test_the_hours_are_those_of_every_pass_at_its_rate() -> None:
    assumed = Assumed(products=10, curvature_pairs=20_000, validation_pairs=4_000)
    (found,) = sizes(measured(), assumed, [1_000_000])
    embed, query, solve, scores = 1e6 / 1000, 4000 / 200, 10 * 20_000 / 100, 1e6 / 400
    assert found.hours == pytest.approx((embed + query + solve + scores) / 3600)
    assert found.further_hours == pytest.approx((solve + 1e6 / 800) / 3600)
    assert found.memory_bytes == 50


def test_a_curvature_on_all_pairs_is_never_on_more_than_there_are() -> None:
    few, many = sizes(measured(), Assumed(validation_pairs=1), [1000, 200_000])
    assert few.further_hours == pytest.approx((10 * 1000 / 100 + 1000 / 800) / 3600)
    assert many.further_hours == pytest.approx((10 * 8_192 / 100 + 200_000 / 800) / 3600)


def test_disk_grows_with_the_pairs_and_memory_does_not() -> None:
    small, large = sizes(measured(), Assumed(), [1_000_000, 5_000_000_000])
    assert small.feature_bytes == 1_000_000 * 2 * 512 * 4
    for name in ("feature_bytes", "table_bytes", "thumbnail_bytes"):
        assert getattr(large, name) == 5000 * getattr(small, name)
    assert large.memory_bytes == small.memory_bytes
    text = sizes_markdown([small, large], "a device")
    assert "| ViT-B-32 | lora | 5,000,000,000 |" in text and "4.1 GB" in text and "20.5 TB" in text


def test_a_tier_with_a_pass_that_did_not_fit_has_no_line() -> None:
    assert sizes(measured(**{PRODUCT: None}), Assumed()) == []


def test_another_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="ecif benchmark gpu"):
        sizes({"device": "a device", "models": [{"passes": []}, {}]}, Assumed())
