"""Captions that look wrong by themselves, with the reason in words: file names, markup, boilerplate. No torch.

Each check gives a score from 0 (nothing odd) to 1 (certainly no caption); a caption keeps its worst. What more than
`HABIT` of a data set's captions do is its habit and not odd: class prompts are no boilerplate, keyword lists may be the
rule. Lengths and scripts are compared with those of the data set itself (robust z of the log length). The scores are
judgement, not fitted; they order what a reader looks at. Cost: a dozen regular expressions for each caption, about a
minute for a million.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

HABIT = 0.2
"""share of captions above which a check counts for none"""
MIN_HABIT = 5
"""captions; fewer are no habit"""
MANY_PICTURES = 5
"""under which one caption stands, from which on it says little about any"""
MIN_SPREAD = 0.25
"""of the log length: where all captions are about equally long, a little longer is not odd"""
MAX_Z = 3.5


PLACEHOLDER = r"^\W*(untitled|n/?a|none|null|nan|undefined|(no )?caption|image|img|photo|picture|file|test)\W*\d*\W*$"
FILE_NAME = r"^\W*\S*\.(jpe?g|png|gif|webp|bmp|tiff?|svg|heic|raw|mp4|pdf)\W*$|^\W*(img|dsc[nf]?|pict?)[_-]?\d{3,}\W*$"
UNFINISHED = r"(\.\.\.|…|[,(\[{&/–-]|\b(a|an|the|and|or|of|with|from|for|his|their|its|is|are))\s*$"


@dataclass(frozen=True)
class Check:
    """One way for a caption to be odd."""

    reason: str
    """what is odd, as read by the annotator; `{}` takes what `says` returns"""
    score: Callable[[str], float]
    """0 … 1"""
    says: Callable[[str], object] = str


def caption_oddities(captions: Sequence[str], pictures: Sequence[str]) -> pd.DataFrame:
    """How odd each caption looks by itself, and why.

    Args:
        captions: of the pairs, `[pairs]`.
        pictures: what tells their images apart, such as content hashes, `[pairs]`.

    Returns:
        oddity (0 … 1, higher is more suspect) and oddity_reason (a sentence, or None where nothing is odd), in the same
        order.
    """
    captions = ["" if one is None else str(one) for one in captions]
    worst, by = np.zeros(len(captions)), np.full(len(captions), -1)
    checks = [*FIXED, _length(captions), _script(captions), _boilerplate(captions, pictures)]
    for number, check in enumerate(checks):
        scores = np.array([check.score(one) for one in captions], dtype=float)
        if (scores > 0).sum() > max(MIN_HABIT, HABIT * len(captions)) and check is not NO_WORDS:
            continue
        by[scores > worst] = number
        worst = np.maximum(worst, scores)
    reasons = [
        checks[number].reason.format(checks[number].says(one)) if number >= 0 else None
        for number, one in zip(by, captions, strict=True)
    ]
    return pd.DataFrame({"oddity": worst, "oddity_reason": pd.Series(reasons, dtype=object)})


def _matches(score: float, pattern: str) -> Callable[[str], float]:
    search = re.compile(pattern, re.IGNORECASE).search
    return lambda caption: score if search(caption) else 0.0


def _letters(caption: str) -> float:
    """Share of letters and marks among all characters but spaces."""
    shown = [one for one in caption if not one.isspace()]
    return sum(unicodedata.category(one)[0] in "LM" for one in shown) / len(shown) if shown else 0.0


def _repeats(caption: str) -> float:
    """0.7 where one word follows itself twice, or words are mostly the same."""
    words = re.findall(r"\w+", caption.casefold())
    thrice = any(a == b == c for a, b, c in zip(words, words[1:], words[2:], strict=False))
    # Long texts repeat their small words: only short ones are counted out.
    return 0.7 if thrice or (8 <= len(words) <= 40 and len(set(words)) < 0.45 * len(words)) else 0.0


def _keywords(caption: str) -> float:
    """0.4 for at least six pieces of one or two words between commas."""
    pieces = [piece.split() for piece in re.split(r"[,;|]", caption)]
    return 0.4 if len(pieces) >= 6 and sum(map(len, pieces)) <= 2 * len(pieces) else 0.0


def _mostly_symbols(caption: str) -> float:
    return 0.8 if _letters(caption) < 0.5 else 0.0


NO_WORDS = Check("There are no words.", lambda caption: 0.0 if any(map(str.isalnum, caption)) else 1.0)
FIXED = (
    NO_WORDS,
    Check("It is a placeholder, not a caption.", _matches(0.9, PLACEHOLDER)),
    Check("It is a file name.", _matches(0.95, FILE_NAME)),
    Check("It is a web address.", _matches(0.95, r"^\W*(https?://|www\.)\S+\W*$")),
    Check("It holds a web address.", _matches(0.6, r"https?://|\bwww\.\w")),
    Check("It holds markup.", _matches(0.7, r"</?[a-z!][^<>]*>|&(#\d+|[a-z]{2,8});|\{\{|\]\(http")),
    Check("It begins like a formula.", _matches(0.6, r"^\s*(=\s*[a-z]+\s*\(|[=@]\w)")),
    Check("Characters were lost when it was decoded.", _matches(0.6, r"\ufffd|Ã[\x80-\xbf©¨¤¶¼]|â€")),
    Check("It is mostly digits and symbols.", _mostly_symbols),
    Check("It repeats the same words.", _repeats),
    Check("It is a list of keywords.", _keywords),
    Check("It ends in the middle of a sentence.", _matches(0.5, UNFINISHED)),
)


def _length(captions: list[str]) -> Check:
    """Far longer or shorter than most captions of the data set."""
    logs = np.log1p([len(one.strip()) for one in captions])
    middle = float(np.median(logs)) if len(logs) else 0.0
    spread = max(MIN_SPREAD, 1.4826 * float(np.median(np.abs(logs - middle))) if len(logs) else 0.0)

    def score(caption: str) -> float:
        beyond = abs(math.log1p(len(caption.strip())) - middle) / spread - MAX_Z
        return min(0.6, 0.2 + 0.05 * beyond) if beyond > 0 else 0.0  # short is rarely wrong

    typical = round(math.expm1(middle))
    return Check(f"It has {{}} characters; captions here have about {typical}.", score, lambda one: len(one.strip()))


def _script(captions: list[str]) -> Check:
    """Mostly in another script than the data set."""
    counts = Counter(_main_script(one) for one in captions)
    counts.pop("", None)
    main = counts.most_common(1)[0][0] if counts else ""
    return Check(
        f"It is written in {{}}; captions here are in {main.capitalize()}.",
        lambda caption: 0.6 if _main_script(caption) not in ("", main) else 0.0,
        lambda caption: _main_script(caption).capitalize(),
    )


def _main_script(caption: str) -> str:
    """The script of most of its letters, in capitals; empty without letters."""
    if caption.isascii():
        return "LATIN" if any(map(str.isalpha, caption)) else ""
    counts = Counter(_script_of(one) for one in caption if one.isalpha())
    return counts.most_common(1)[0][0] if counts else ""


@lru_cache(maxsize=65536)
def _script_of(letter: str) -> str:
    name = unicodedata.name(letter, "UNKNOWN").split()[0]
    # Japanese mixes three scripts, and Korean and Chinese captions hold each other's signs.
    return "EAST ASIAN" if name in ("CJK", "HIRAGANA", "KATAKANA", "HANGUL") else name


def _boilerplate(captions: list[str], pictures: Sequence[str]) -> Check:
    """The same words under many different pictures."""
    plain = np.fromiter((hash(_plain(one)) for one in captions), np.int64, len(captions))  # 8 bytes, not a text, each
    shown = pd.DataFrame({"caption": plain, "picture": pd.factorize(np.asarray(pictures))[0]})
    under = shown.drop_duplicates()["caption"].value_counts()
    many = under[under >= MANY_PICTURES].to_dict()

    def score(caption: str) -> float:
        number = many.get(hash(_plain(caption)))
        return min(0.7, 0.3 + 0.1 * math.log2(number / MANY_PICTURES)) if number else 0.0

    return Check("It stands under {} different pictures.", score, lambda caption: many[hash(_plain(caption))])


def _plain(caption: str) -> str:
    return " ".join(caption.casefold().split())
