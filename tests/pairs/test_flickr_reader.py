"""The caption files of Flickr8k and Flickr30k."""

from pathlib import Path

import pytest

from engine.pairs import ReadOptions, read_pair_table
from engine.pairs.readers import reader_for
from engine.pairs.readers.flickr import NO_CELLS, NO_HASH

FORMS = {
    "Flickr8k.token.txt": ("", "{}#{}\t{}\n"),
    "results_20130124.token": ("", "{}#{}\t{}\n"),
    "captions.txt": ("image,caption\n", "{0},{2}\n"),
    "results.csv": ("image_name| comment_number| comment\n", "{}| {}| {}\n"),
}
CAPTIONS = ["Two men , one hat .", "# 1 | fan", "línea 雪"]


@pytest.fixture
def write(tmp_path, picture):
    def written(name: str, captions: list[str], more: str = "") -> Path:
        head, line = FORMS[name]
        rows = "".join(line.format(picture("1_a.png"), at, caption) for at, caption in enumerate(captions))
        (tmp_path / name).write_text(head + rows + more, encoding="utf-8")
        return tmp_path / name

    return written


def quoted(name: str, captions: list[str]) -> list[str]:
    """With quotation marks where the form wants them around commas."""
    return [f'"{one}"' if name == "captions.txt" and "," in one else one for one in captions]


@pytest.mark.parametrize("name", FORMS)
def test_every_caption_of_a_picture_is_a_pair(name, write):
    path = write(name, quoted(name, CAPTIONS))
    found = read_pair_table(path)
    assert reader_for(path).name == "Flickr captions"
    assert found.pairs["caption"].tolist() == CAPTIONS
    assert set(found.pairs["image"]) == {"1_a.png"} and found.rejects.empty


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("mark", ["\ufeff", "\r\n"])
def test_marks_of_other_systems_are_no_part_of_the_text(name, mark, write):
    path = write(name, ["a cat", "a dog"])
    text = path.read_text(encoding="utf-8")
    path.write_bytes((mark + text if mark == "\ufeff" else text.replace("\n", mark)).encode())
    assert read_pair_table(path).pairs["caption"].tolist() == ["a cat", "a dog"]


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("Flickr8k.token.txt", "1_a.png a caption without a tab\n", NO_HASH),
        ("Flickr8k.token.txt", "1_a.png\tno number\n", NO_HASH),
        ("results.csv", "2199200615.jpg| 4   A dog runs across the grass .\n", NO_CELLS),  # as in the original
        ("results.csv", "1_a.png| four| words\n", NO_CELLS),
        ("Flickr8k.token.txt", "gone.jpg.1#0\tA dog .\n", "The image file does not exist."),  # as in the original
        ("Flickr8k.token.txt", "1_a.png#5\t\n", "The caption is empty."),
        ("captions.txt", "1_a.png,a,b\n", "The row has more cells than the table has columns"),
        ("results.csv", "../1_a.png| 0| x\n", "The image path goes upwards"),
    ],
)
def test_a_bad_line_is_one_reject(name, line, reason, write):
    found = read_pair_table(write(name, ["before"], line + "\n" + FORMS[name][1].format("1_a.png", 9, "after")))
    assert found.pairs["caption"].tolist() == ["before", "after"]
    assert found.rejects["row"].tolist() == [2] and found.rejects["reason"][0].startswith(reason)


def test_pictures_are_found_in_the_folders_of_the_originals(picture, tmp_path):
    picture("Flicker8k_Dataset/1.png", 1)
    picture("elsewhere/1.png", 2)
    (tmp_path / "Flickr8k_text").mkdir()
    path = tmp_path / "Flickr8k_text" / "Flickr8k.token.txt"
    path.write_text("lost.png#0\tgone\n1.png#0\ta cat\n")
    assert read_pair_table(path).pairs["images"].tolist() == [str(tmp_path / "Flicker8k_Dataset")]
    chosen = read_pair_table(path, ReadOptions(images=str(tmp_path / "elsewhere")))
    assert chosen.pairs["images"].tolist() == [str(tmp_path / "elsewhere")]


@pytest.mark.parametrize("text", ["", "words\n", "image,caption,split\n", "a#1 no tab\n"])
def test_other_texts_are_not_taken(text, tmp_path):
    (tmp_path / "notes.txt").write_text(text)
    (tmp_path / "notes.csv").write_text(text)
    assert "Flickr" not in reader_for(tmp_path / "notes.csv").name
    with pytest.raises(Exception, match="Flickr8k or Flickr30k"):
        reader_for(tmp_path / "notes.txt")
