"""What people read when something is wrong: a list that is kept for review, and rules that every sentence follows."""

import difflib
import re

import pytest
from error_sentences import HEAD, LIST, all_sentences, raised, reasons

from engine.errors import MOST_CHARACTERS as MOST_OF_A_PART
from engine.errors import EcifError

MOST_CHARACTERS = 300
ACTS = (
    "add|ask|change|check|choose|compare|convert|copy|decompress|delete|download|end|enter|export|fetch|fill|finish|free|give"
    "|import|install|leave|list|make|mend|name|narrow|pip|point|put|rename|report|restore|run|save|say|see|set|shorten|start"
    "|store|study|take|train|try|use|wait|write"
)
"""what a sentence about what to do begins with"""
EMPTY_WORDS = re.compile(r"\b(failed|failure|invalid|illegal|unexpected|oops|sorry|please|exception|traceback)\b", re.I)


def test_the_list_for_review_is_the_code_s() -> None:
    kept = LIST.read_text(encoding="utf-8").splitlines()
    found = [*HEAD.splitlines(), *all_sentences()]
    changes = "\n".join(difflib.unified_diff(kept, found, "tests/error_sentences.txt", "the code", n=0, lineterm=""))
    if changes:
        pytest.fail(f"{changes}\n\nRead the new sentences, then: python tests/error_sentences.py", pytrace=False)


def test_there_are_sentences_to_look_at() -> None:
    assert len(list(raised())) > 200
    assert len(set(reasons())) > 40


def test_every_error_says_what_was_expected_what_came_and_what_to_do() -> None:
    faults = []
    for module, (expected, got, fix) in raised():
        clauses = re.split(r"[.:;,|] ", fix)
        says_what_to_do = fix.startswith("{…}") or any(re.match(rf"(then )?({ACTS})\b", one, re.I) for one in clauses)
        is_inside = not expected.endswith((".", ",")) and not got.endswith((".", ","))  # they stand inside a sentence
        is_whole = fix.endswith((".", "…", "}")) and re.match(r"[A-Z{…`]", fix)
        if not (expected.strip() and got.strip() and is_inside and is_whole and says_what_to_do):
            faults.append((module, expected, got, fix))
    assert faults == []


def test_every_sentence_is_short_and_plain() -> None:
    faults = []
    for line in all_sentences():
        text = line.partition(": ")[2]
        is_sentence = re.match(r"[A-Z`{A]", text) and text.endswith((".", "…", "}")) and text.isprintable()
        is_plain = not EMPTY_WORDS.search(text) and not re.search(r"\b[A-Z][A-Za-z]+(Error|Exception)\b|\bNone\b", text)
        if not (is_sentence and is_plain and len(text) <= MOST_CHARACTERS):
            faults.append(line)
    assert faults == []


def test_what_strangers_wrote_cannot_spoil_a_sentence() -> None:
    error = EcifError("a name", "a\nb\r\n\x1b[2Jc\ud800\0\u202e", "Check it." + "x" * 5000)
    assert str(error) == f"Expected a name, got a b \\x1b[2Jc\\ud800\\x00\\u202e. {error.fix}"
    assert str(error).isprintable() and str(error).encode()
    assert len(error.fix) <= MOST_OF_A_PART + 3 and error.fix.startswith("Check it.")
