"""One person's way through the whole dashboard, from the first page to the exported file."""

import io
import zipfile
from pathlib import Path

import pytest
from browser.conftest import serve
from browser.test_gallery import TILES, loaded_pictures, wait_for
from csv_exports import read_csv_export

from engine.review import DecisionStore

pytestmark = pytest.mark.browser


def test_from_the_overview_to_the_exported_table(page, site: str, sample_run, runs_dir: Path, tmp_path: Path) -> None:
    store = DecisionStore.open(runs_dir / "decisions.sqlite")

    page.goto(site)
    page.get_by_role("heading", name="How healthy is this data set?").wait_for()
    page.get_by_test_id("stMain").get_by_role("link", name="Suspicious pairs").click()
    page.locator(TILES).nth(59).wait_for()
    wait_for(lambda: loaded_pictures(page) >= 8)

    page.get_by_label("Words in the caption").fill("fox")
    page.get_by_label("Words in the caption").press("Enter")

    def all_are_foxes() -> bool:
        captions = page.locator(f"{TILES} .caption").all_text_contents()
        return bool(captions) and all("fox" in caption.lower() for caption in captions)

    wait_for(all_are_foxes)
    assert "words=fox" in page.url

    page.locator(TILES).first.focus()
    page.keyboard.press("2")
    page.locator(TILES).nth(2).get_by_role("button", name="Keep").click()
    wait_for(lambda: sorted(store.current()["verdict"]) == ["drop", "keep"])
    page.keyboard.press("z")
    wait_for(lambda: store.current()["verdict"].tolist() == ["drop"])

    page.get_by_role("link", name="Predictions").first.click()
    page.get_by_role("heading", name="Predictions").wait_for()
    page.get_by_role("button", name="fox is taken for cat").click()
    page.locator(".predictions .card").filter(has_text="taken for cat").first.click()
    page.get_by_role("heading", name="Why did the model say this?").wait_for()
    page.locator(TILES).nth(11).wait_for()
    wait_for(lambda: loaded_pictures(page) >= 4)
    culprits = page.locator(f"{TILES} .caption").all_text_contents()
    assert sum("cat" in caption for caption in culprits) >= 8  # foxes that were captioned as cats
    culprit = page.locator(TILES).first
    culprit.get_by_role("button", name="Relabel").click()
    page.locator(f"{TILES} textarea").fill("=a white fox")
    page.get_by_role("button", name="Save").click()
    wait_for(lambda: len(store.current()) == 2)

    page.get_by_role("link", name="Decisions & export").first.click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export 2 pairs").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(waiting.value.path()).read_bytes()))
    table = next(name for name in archive.namelist() if name.endswith(".csv"))
    (tmp_path / "export.csv").write_bytes(archive.read(table))
    exported = read_csv_export(tmp_path / "export.csv").set_index("pair_id")
    assert sorted(exported["verdict"]) == ["drop", "relabel"]
    assert exported.loc[exported["verdict"] == "relabel", "new_caption"].item() == "=a white fox"
    assert set(exported.index) == set(store.current()["pair_id"])


def test_decisions_survive_a_restart_of_the_dashboard(page, sample_run, runs_dir: Path) -> None:
    process, url = serve(runs_dir)
    page.goto(f"{url}/suspicious")
    page.locator(TILES).first.get_by_role("button", name="Unsure").click()
    wait_for(lambda: len(DecisionStore.open(runs_dir / "decisions.sqlite").current()) == 1)
    process.kill()
    process.wait()
    process.stdout.close()
    process, url = serve(runs_dir)
    page.goto(f"{url}/suspicious?show=decided")
    page.locator(TILES).first.locator(".stamp", has_text="Unsure").wait_for()
    process.terminate()
    process.wait(60)
    process.stdout.close()
