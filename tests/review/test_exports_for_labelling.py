"""Label Studio tasks: as documented, split before they grow too large, hostile text unharmed."""

import json
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from exported import CAPTIONS, NEW_CAPTIONS, VERDICTS, Setting

from engine.review.exports import label_studio


def tasks_of(folder) -> list[dict]:
    return [task for file in sorted(folder.glob("tasks-*.json")) for task in json.loads(file.read_text("utf-8"))]


def chosen(task: dict) -> dict[str, list[str]]:
    """What is filled in: control → values."""
    results = [one for prediction in task["predictions"] for one in prediction["result"]]
    assert all(one["to_name"] == "img" and one["id"] for one in results)
    return {one["from_name"]: one["value"][{"choices": "choices", "textarea": "text"}[one["type"]]] for one in results}


def test_decisions_are_filled_in_and_undecided_pairs_come_without_a_choice(setting: Setting) -> None:
    tasks = {task["data"]["pair_id"]: task for task in tasks_of(setting.export("label-studio", "ls", "all"))}
    assert {one: task["data"]["caption"] for one, task in tasks.items()} == {
        f"p{at:02d}": caption for at, caption in enumerate(CAPTIONS)
    }
    for pair_id, task in tasks.items():
        filled = chosen(task)
        assert filled.get("decision") == ([VERDICTS[pair_id]] if pair_id in VERDICTS else None)
        if pair_id in VERDICTS:
            assert filled.get("new_caption") == ([NEW_CAPTIONS[pair_id]] if pair_id in NEW_CAPTIONS else None)
        assert all(one["model_version"].startswith("ecif ") for one in task["predictions"])
    assert chosen(tasks["p06"]) == {"new_caption": ["-other"]}, "a training pair has a suggestion"
    assert tasks["p07"]["predictions"] == [], "nothing is known of a validation pair"


def test_the_configuration_knows_every_name_that_the_tasks_use(setting: Setting) -> None:
    folder = setting.export("label-studio", "ls", "all")
    config = ElementTree.parse(folder / "config.xml").getroot()  # noqa: S314 – our own configuration
    controls = {one.get("name"): one for one in config.iter() if one.get("toName") == "img"}
    values = {choice.get("value") for choice in controls["decision"]}
    for task in tasks_of(folder):
        assert set(chosen(task)) <= set(controls)
        assert set(chosen(task).get("decision", [])) <= values
        wanted = {one.get("value").removeprefix("$") for one in config if one.tag in ("Image", "Text")}
        assert wanted <= set(task["data"])


def test_label_studios_own_validation_accepts_tasks_and_configuration(setting: Setting) -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface", reason="large; not part of the test extra")
    folder = setting.export("label-studio", "ls", "all")
    checked = interface.LabelInterface((folder / "config.xml").read_text())
    checked.validate()
    tasks = tasks_of(folder)
    assert len(tasks) == len(CAPTIONS)
    for task in tasks:
        assert checked.validate_task({"data": task["data"]})
        assert all(checked.validate_prediction(one) for one in task["predictions"])
    wrong = {"model_version": "x", "result": [{**tasks[0]["predictions"][0]["result"][0], "from_name": "nobody"}]}
    assert not checked.validate_prediction(wrong)


def test_images_are_addressed_below_the_root_whatever_their_names(setting: Setting) -> None:
    names = dict(zip(setting.table["pair_id"], setting.table["image"], strict=True))
    for name, root in (("a", label_studio.IMAGE_ROOT), ("b", "https://host/data/")):
        for task in tasks_of(setting.export("label-studio", name, "all", image_root=root)):
            address = task["data"]["image"]
            assert address.startswith(root) and address.isascii()
            assert unquote(address.removeprefix(root)) == names[task["data"]["pair_id"]]
            assert not set(" #?\"'<>&") & set(address.removeprefix(root))


def test_files_stay_below_the_limits_and_no_task_is_lost(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tasks_of(setting.export("label-studio", "whole", "all"))
    monkeypatch.setattr(label_studio, "BYTES_PER_FILE", 7_000)
    by_size = setting.export("label-studio", "by-size", "all")
    assert tasks_of(by_size) == whole
    sizes = [file.stat().st_size for file in by_size.glob("tasks-*.json")]
    assert len(sizes) > 1 and max(sizes) <= 7_000
    monkeypatch.setattr(label_studio, "TASKS_PER_FILE", 3)
    by_number = setting.export("label-studio", "by-number", "all")
    assert tasks_of(by_number) == whole
    numbers = [len(json.loads(file.read_text("utf-8"))) for file in by_number.glob("tasks-*.json")]
    assert max(numbers) == 3 and min(numbers) > 0


def test_an_export_of_no_pair_is_a_file_of_no_task(setting: Setting) -> None:
    setting.store.undo("p03", "-ana", "u")
    folder = setting.export("label-studio", "ls", "unsure")
    assert json.loads((folder / "tasks-001.json").read_text()) == []
