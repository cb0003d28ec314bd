"""Odd captions are named with their reason; ordinary ones, and a data set's own habits, are left alone."""

import pytest

from engine.pairs import caption_oddities

ORDINARY = [
    f"{who} {does} {where} ."
    for who in ("A dog", "Two girls", "A man in a red hat", "the old woman")
    for does in ("runs", "is sitting quietly", "plays with a ball")
    for where in ("on the beach", "in the snow near a house", "behind a fence")
]


def judged(*added: str, others: list[str] = ORDINARY):
    """Score and reason of the added captions, among others, each under its own picture."""
    captions = [*others, *added]
    return caption_oddities(captions, [str(number) for number in range(len(captions))]).tail(len(added))


def test_ordinary_captions_have_no_reason() -> None:
    found = judged("A well-groomed man takes a puff from a cigarette in his hand & smiles ; 3 dogs watch .")
    everyone = caption_oddities(ORDINARY, range(len(ORDINARY)))
    assert found["oddity"].tolist() == [0.0] and found["oddity_reason"].tolist() == [None]
    assert everyone["oddity"].max() == 0 and everyone["oddity_reason"].isna().all()


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ("", "There are no words."),
        (" .-! ", "There are no words."),
        ("untitled", "It is a placeholder, not a caption."),
        ("IMG_20210304.jpg", "It is a file name."),
        ("DSC_00412", "It is a file name."),
        ("https://example.org/a/b", "It is a web address."),
        ("A dog on a beach, see www.example.org", "It holds a web address."),
        ("A dog <b>runs</b> on the beach", "It holds markup."),
        ("A dog &amp; a cat on the beach", "It holds markup."),
        ('=HYPERLINK("x","A dog runs")', "It begins like a formula."),
        ("A caf\u00c3\u00a9 near the beach with a dog", "Characters were lost when it was decoded."),
        ("4032 x 3024 (12.2) #0001 $9.99 dog", "It is mostly digits and symbols."),
        ("dog dog dog dog on a beach", "It repeats the same words."),
        ("dog, beach, sand, happy, blue sky, summer", "It is a list of keywords."),
        ("A dog runs on the beach with a", "It ends in the middle of a sentence."),
        ("Собака бежит по пляжу у моря", "It is written in Cyrillic; captions here are in Latin."),
    ],
)
def test_odd_captions_get_the_reason(caption: str, reason: str) -> None:
    found = judged(caption).iloc[0]
    assert found["oddity_reason"] == reason
    assert 0.3 < found["oddity"] <= 1


def test_lengths_are_judged_against_the_data_set() -> None:
    long = "A dog that we met " + " ".join(f"near the tree {number} of our garden" for number in range(40)) + " ."
    typical = judged("x y", long)["oddity_reason"].tolist()
    assert typical[0].startswith("It has 3 characters; captions here have about")
    assert typical[1].startswith(f"It has {len(long)} characters")
    among_long = caption_oddities([long] * 3 + [long + " again"], range(4))
    assert among_long["oddity"].max() == 0


def test_a_caption_under_many_pictures_is_boilerplate_unless_captions_repeat_anyway() -> None:
    said = "This picture was taken by our friend"
    found = judged(*[said] * 6)
    assert set(found["oddity_reason"]) == {"It stands under 6 different pictures."}
    same_picture = caption_oddities([*ORDINARY, *[said] * 6], [*range(len(ORDINARY)), *["one"] * 6])
    assert same_picture["oddity"].max() == 0
    prompts = [f"a photo of a {kind}" for kind in ("dress", "shirt", "hat")] * 20
    assert caption_oddities(prompts, range(60))["oddity"].max() == 0


def test_what_most_captions_do_is_no_oddity() -> None:
    unfinished = [caption.replace(" .", " ...") for caption in ORDINARY]
    assert caption_oddities(unfinished, range(len(unfinished)))["oddity"].max() == 0
    assert judged(unfinished[0])["oddity"].item() > 0
    nothing = caption_oddities(["", "", ""] * 10, range(30))
    assert (nothing["oddity"] == 1).all()  # but no words are always odd


def test_an_empty_table_has_no_oddities() -> None:
    assert caption_oddities([], []).shape == (0, 2)
    assert caption_oddities([None], ["a"])["oddity_reason"].tolist() == ["There are no words."]
