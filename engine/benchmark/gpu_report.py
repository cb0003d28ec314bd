"""Throughput and sizes as text: for the terminal and, in Markdown, for a README."""

from __future__ import annotations

from engine.benchmark.sizing import TOGETHER, Size
from engine.benchmark.throughput import ModelFigures, PassFigures, Throughput


def throughput_markdown(found: Throughput) -> str:
    """The settings, a table of every pass and where the time goes."""
    lines = [
        f"{found.device}, torch {found.torch_version}; towers in {found.dtype}, features and scores in float32 "
        f'(products: "{found.float32_products}"); {found.num_pairs} pairs prepared beforehand, batches of '
        f"{found.batch_size}, chunks of {found.chunk_size}; random weights unless a model names its own. "
        f"{found.peak.words}",
        "",
        "| model | tier | pass | pairs/s | × plain pass | GFLOP per pair | share of peak | memory |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    lines += [_row(model, one) for model in found.models for one in model.passes]
    for model in found.models:
        lines += ["", f"Where the time goes, {model.model}:", ""]
        for what, spent in model.time_goes.items():
            shares = ", ".join(f"{words} {share:.0%}" for words, share in spent.groups.items() if share >= 0.01)
            top = ", ".join(f"`{name[:60]}` {share:.0%}" for name, share in spent.top.items())
            lines.append(f"- {what}: {shares}. Largest: {top}.")
    return "\n".join(lines)


def sizes_markdown(found: list[Size], machine: str) -> str:
    """A line per model, tier and number of pairs; hours are of the machine that was measured."""
    lines = [
        f"Hours of one {machine}.",
        "",
        f"| model | tier | pairs | hours, one query | hours, each further query of {TOGETHER} | features | tables "
        "| thumbnails | memory |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        parts = (one.feature_bytes, one.table_bytes, one.thumbnail_bytes, one.memory_bytes)
        lines.append(
            f"| {_short(one.model)} | {one.tier} | {one.num_pairs:,} | {one.hours:,.3g} | {one.further_hours:,.3g} | "
            + " | ".join(_in_bytes(part) for part in parts)
            + " |"
        )
    return "\n".join(lines)


def _row(model: ModelFigures, one: PassFigures) -> str:
    if one.seconds is None:
        return f"| {_short(model.model)} | {one.tier} | {one.what} | – | – | – | – | {one.why_not} |"
    return (
        f"| {_short(model.model)} | {one.tier} | {one.what} | {one.pairs_per_second:,.0f} | {one.ratio:.3g} | "
        f"{one.flops_per_pair / 1e9:.3g} | {one.share_of_peak:.1%} | {_in_bytes(one.memory_bytes)} |"
    )


def _short(model: str) -> str:
    """The name of a model without the folder it lies in."""
    return model.split(":", 1)[-1].rstrip("/").rsplit("/", 1)[-1]


def _in_bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} PB"
