"""What full encoders read: in order, ahead of the pass, and bounded in memory."""

import time
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.inputs import EncoderInputs, PicturesAhead

ONE_PICTURE = 4 * 3  # bytes of a picture of three float32 pixels


class Pictures:
    """Prepares row r as a picture of r, and remembers the rows."""

    def __init__(self) -> None:
        self.prepared: list[int] = []

    def __call__(self, row: int) -> Tensor:
        if row < 0:
            raise OSError(f"no picture {row}")
        self.prepared.append(row)
        return torch.full((1, 1, 3), float(row))

    def wait_for(self, rows: set[int]) -> None:
        until = time.monotonic() + 20
        while not rows <= set(self.prepared) and time.monotonic() < until:
            time.sleep(0.005)
        assert rows <= set(self.prepared)


def shown(pixels: Tensor) -> list[int]:
    return pixels[:, 0, 0, 0].int().tolist()


@pytest.mark.parametrize("kept_bytes", [0, 2 * ONE_PICTURE, 100 * ONE_PICTURE])
def test_every_chunk_shows_the_pictures_of_its_rows_whatever_is_kept(kept_bytes: int) -> None:
    pictures = Pictures()
    ahead = PicturesAhead(pictures, int, kept_bytes)
    chunks = [[3, 1, 3], [0, 5], [4]]
    for _ in range(3):
        assert [shown(pixels) for pixels in ahead.of(chunks)] == chunks
    rest = 5 - kept_bytes // ONE_PICTURE
    assert len(pictures.prepared) >= 5 + 2 * max(0, rest) if rest > 0 else len(pictures.prepared) == 5


def test_the_next_chunk_is_prepared_while_one_is_worked_on() -> None:
    pictures = Pictures()
    found = PicturesAhead(pictures, int, 0).of([[0, 1], [2, 3], [4, 5]])
    next(found)
    pictures.wait_for({0, 1, 2, 3})
    assert not {4, 5} & set(pictures.prepared)


def test_a_second_pass_is_ahead_from_one_batch_to_the_next() -> None:
    pictures = Pictures()
    ahead = PicturesAhead(pictures, int, 0)
    for batch in ([0, 1], [2, 3]):
        assert [shown(pixels) for pixels in ahead.of([batch])] == [batch]
    pictures.wait_for({0, 1, 2, 3})
    del pictures.prepared[:]
    list(ahead.of([[0, 1]]))
    pictures.wait_for({2, 3})


def test_a_picture_that_cannot_be_read_fails_where_it_is_asked_for_and_nowhere_else() -> None:
    ahead = PicturesAhead(Pictures(), int, 0)
    found = ahead.of([[0], [-1]])
    assert shown(next(found)) == [0]
    with pytest.raises(OSError, match="no picture -1"):
        next(found)
    assert [shown(pixels) for pixels in ahead.of([[0], [1]])] == [[0], [1]]


def test_texts_are_tokenized_once_for_each_chunk_and_images_come_from_their_files(tmp_path) -> None:
    asked: list[list[str]] = []
    for name, colour in (("a.png", (255, 0, 0)), ("b.png", (0, 255, 0))):
        Image.new("RGB", (2, 2), colour).save(tmp_path / name)

    def tokens(texts: list[str]) -> tuple[dict[str, Tensor], int]:
        asked.append(texts)
        return {"text": torch.tensor([[len(text)] for text in texts])}, 0

    def pixels(images: list[Image.Image]) -> Tensor:
        return torch.tensor([image.getpixel((0, 0)) for image in images])[:, :, None, None]

    encoder = SimpleNamespace(prepare_texts=tokens, prepare_images=pixels)
    inputs = EncoderInputs(encoder, [(str(tmp_path), "a.png"), (str(tmp_path), "b.png")], ["x", "yy", "zzz"])
    for _ in range(2):
        found = [(part, given["text"].flatten().tolist()) for part, given in inputs.chunks("text", torch.arange(3), 2)]
        assert found == [(slice(0, 2), [1, 2]), (slice(2, 3), [3])]
    assert asked == [["x", "yy"], ["zzz"]]
    images = [given.flatten().tolist() for _, given in inputs.chunks("image", torch.tensor([1, 0]), 1)]
    assert images == [[0, 255, 0], [255, 0, 0]]
