"""Captions, labels and file names that try to be markup, on every page: they stay text."""

from pathlib import Path

import pytest
from addresses import addresses_of
from browser.conftest import settled

from engine.ranked_table import write_ranked
from engine.runs import RunFolder, write_table

pytestmark = pytest.mark.browser
HOSTILE = [
    '<script>alert("script")</script><img src=x onerror="alert(1)" class="evil">',
    '<b class="evil">bold</b> **evil** [evil](https://evil.example/) ![evil](https://evil.example/x.png)',
    "$\\frac{evil}{2}$ $$evil$$ :material/delete: :red[evil] :smile: `evil` # evil",
    '=HYPERLINK("https://evil.example") \'"><svg class=evil onload=alert(3)>',
    "\u202eright to left\u202c العربية עברית 👩‍👩‍👧‍👦 🦊 z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍",
    "javascript:alert(2) {{7*7}} ${7*7} %s %00 ../../etc/passwd",
    "long " * 1000,
    "line one\nline two\ttab &lt;evil&gt; &amp;",
]
MARKUP = ".evil, a[href*='evil'], img[src*='evil'], .katex, strong:text-is('evil'), code:text-is('evil')"


@pytest.fixture
def hostile_run(runs_dir: Path, sample_run) -> RunFolder:
    """The sample run with hostile text wherever a stranger can write."""
    run = RunFolder(runs_dir / sample_run.run_id)

    def spoilt(table, *columns: str):
        for column in columns:
            texts = [HOSTILE[number % len(HOSTILE)] for number in range(len(table))]
            table[column] = table[column].where(table[column].isna(), texts)
        return table

    write_table(run.path / "pairs.parquet", spoilt(run.table("pairs"), "caption", "image", "oddity_reason"))
    write_table(run.path / "scores.parquet", spoilt(run.table("scores"), "suggested_caption"))
    write_table(run.path / "suggestions.parquet", spoilt(run.table("suggestions"), "caption"))
    write_table(run.path / "rejects.parquet", spoilt(run.table("rejects"), "caption", "image", "reason"))
    queries, pairs = run.table("queries"), run.table("pairs")
    names = dict(zip(sorted(pairs["label"].dropna().unique()), HOSTILE, strict=False))
    for column in ("true_label", "predicted_label"):
        queries[column] = queries[column].replace(names)
    write_table(run.path / "queries.parquet", queries)
    write_table(run.path / "pairs.parquet", pairs.assign(label=pairs["label"].replace(names)))
    write_ranked(run)
    return run


def test_hostile_text_is_text_on_every_page(page, hostile_run: RunFolder, request) -> None:
    site = request.getfixturevalue("site")
    guilty = {}
    for name, address in addresses_of(hostile_run).items():
        page.goto(f"{site}/{address}")
        settled(page)
        for expander in page.locator("[data-testid=stExpander] summary").all():
            expander.click()
        settled(page)
        assert page.get_by_text("This page cannot be shown").count() == 0, name
        if page.locator(MARKUP).count():
            guilty[name] = page.locator(MARKUP).first.evaluate("one => one.outerHTML")
    assert guilty == {}


def test_hostile_captions_are_shown_to_the_letter(page, hostile_run: RunFolder, request) -> None:
    site = request.getfixturevalue("site")
    captions = hostile_run.table("pairs").set_index("pair_id")["caption"]
    page.goto(f"{site}/suspicious")
    page.locator(".gallery .tile").nth(29).wait_for()
    tiles = page.locator(".gallery .tile")
    shown = tiles.evaluate_all("all => all.map(t => [t.dataset.pair, t.querySelector('.caption').textContent])")
    assert len({captions[pair_id] for pair_id, _ in shown}) >= 6
    assert [pair_id for pair_id, text in shown if text != captions[pair_id]] == []
