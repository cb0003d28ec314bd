"""A picture of one's own, from the upload to the training pairs behind the answer, with the real engine."""

import re
from pathlib import Path

import pandas as pd
import pytest
from browser.test_accessibility import faults
from browser.test_gallery import TILES, loaded_pictures, wait_for

from engine.review import DecisionStore
from engine.runs import RunFolder

pytestmark = pytest.mark.browser
LOADING_MILLISECONDS = 180_000


def a_fox_called_a_cat(run: RunFolder) -> Path:
    queries, pairs = run.table("queries"), run.table("pairs").set_index("pair_id")
    is_one = (queries["true_label"] == "fox") & (queries["predicted_label"] == "cat")
    pair = pairs.loc[queries[is_one & queries["query_id"].isin(run.table("traces")["query_id"])]["pair_id"].iloc[0]]
    return Path(pair["images"]) / pair["image"]


def test_an_uploaded_fox_leads_to_the_foxes_that_were_captioned_as_cats(
    page, site: str, sample_run: RunFolder, runs_dir: Path, tmp_path: Path
) -> None:
    page.goto(f"{site}/ask")
    page.locator(".strip button").nth(7).wait_for()
    (tmp_path / "script.png").write_text("<script>alert(1)</script>")
    page.locator("input[type=file]").set_input_files(tmp_path / "script.png")
    page.get_by_text("This picture cannot be used.").wait_for()
    page.locator("input[type=file]").set_input_files(a_fox_called_a_cat(sample_run))
    page.get_by_role("heading", name="Press Ask").wait_for()
    page.get_by_role("combobox", name=re.compile("What should it be")).fill("fox")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("heading", name="The model sees something else").wait_for(timeout=LOADING_MILLISECONDS)
    page.locator(".bars .row.top .name", has_text="cat").wait_for()
    page.locator(TILES).nth(11).wait_for()
    wait_for(lambda: loaded_pictures(page) >= 4)
    culprits = page.locator(f"{TILES} .caption").all_inner_texts()
    assert sum("cat" in caption for caption in culprits[:12]) >= 8
    page.locator(TILES).first.get_by_role("button", name="Drop").click()
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    wait_for(lambda: store.current()["verdict"].tolist() == ["drop"])
    captions = pd.Series(sample_run.table("pairs").set_index("pair_id")["caption"])
    assert captions[store.current()["pair_id"].iloc[0]] == culprits[0]

    page.get_by_label("A caption (optional)").fill("a white fox <b>in</b> the snow")
    page.get_by_label("A caption (optional)").press("Enter")
    page.locator(".bars.long .row.yours .name", has_text="a white fox <b>in</b> the snow").wait_for()
    page.get_by_role("radio", name="Behind the caption").click()
    page.get_by_role("radio", name="Most like the caption").click()
    page.get_by_text("The training pairs most like the caption").wait_for()
    assert faults(page) == []
    page.get_by_role("button", name="Ask another").click()
    page.locator(".strip button").first.wait_for()
