"""What a list of pairs is narrowed to, and how that stands in the URL. No Streamlit here.

A filter is a few parameters of the URL, one per kind, repeated where several values are chosen:

    show=decided&words=red+bus&label=fox&label=cat&kind=margin&roles=negative&mark=duplicate&range=clip_score:..0.3

What makes no sense there is passed over and said, so that an old or mistyped link still shows a list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode

from dashboard.wording import SIGNALS

SHOWS = {
    "open": "Not decided",
    "all": "All",
    "decided": "Decided",
    "keep": "Kept",
    "drop": "Dropped",
    "relabel": "Relabelled",
    "unsure": "Unsure",
}
ROLES = {
    "negative": "Fine as its own match, harmful as a negative",
    "positive": "Harmful as its own match, fine as a negative",
    "both": "Harmful in both roles",
    "neither": "Harmful in neither role",
}
MARKS = {
    "duplicate": "Has a duplicate",
    "suggested": "Another caption is suggested",
    "defended": "The model that learned it likes it, unseen models do not",
}
ODD_CAPTION = "oddity"
KINDS = {name: words for name, (words, _) in SIGNALS.items()} | {ODD_CAPTION: "Its caption looks odd"}
SCORES = {
    "suspicion": ("Suspicion", "least", "most"),
    "p_wrong": ("Probability that the caption is wrong", "surely right", "surely wrong"),
    "clip_score": ("CLIP score", "fits least", "fits best"),
    "pair_loss": ("Loss in its batch", "low", "high"),
    "influence": ("Influence", "hurts", "helps"),
    "influence_positive": ("Influence of its own match", "hurts", "helps"),
    "influence_negative": ("Influence as a negative", "hurts", "helps"),
    "self_influence": ("Effect on itself", "little", "much"),
}
"""score columns that can be narrowed: what they are called, and what their two ends mean"""
MEASURES = SCORES | {
    name: (words, *(("less so", "more so") if sign > 0 else ("more so", "less so")))
    for name, (words, sign) in SIGNALS.items()
}
PARAMETERS = ("show", "words", "label", "kind", "roles", "mark", "range")
MAX_CHARACTERS = 500


@dataclass(frozen=True)
class Range:
    """Bounds of one measure; a pair without a value is outside."""

    column: str
    """of `MEASURES`"""
    low: float | None = None
    """smallest value that fits; None: no bound"""
    high: float | None = None
    """largest value that fits; None: no bound"""

    def text(self) -> str:
        """As it stands in the URL; reading it gives exactly these bounds."""
        low, high = ("" if bound is None else repr(float(bound)) for bound in (self.low, self.high))
        return f"{self.column}:{low}..{high}"

    def words(self) -> str:
        """As a person reads it."""
        name = MEASURES[self.column][0]
        if self.low is None or self.high is None:
            bound = self.high if self.low is None else self.low
            return f"{name}: {'up to' if self.low is None else 'from'} {bound:.3g}"
        return f"{name}: {self.low:.3g} to {self.high:.3g}"


@dataclass(frozen=True)
class Filters:
    """What a pair must be to be listed: all of it."""

    show: str = "open"
    """a key of `SHOWS`"""
    words: str = ""
    """the caption holds all of these words, in any order and case"""
    labels: tuple[str, ...] = ()
    """one of these labels; any if empty"""
    kinds: tuple[str, ...] = ()
    """one of these reasons to suspect it, keys of `KINDS`; any if empty"""
    roles: str = ""
    """a key of `ROLES`, by the sign of its influence in each; any if empty"""
    marks: tuple[str, ...] = ()
    """all of these, keys of `MARKS`"""
    ranges: tuple[Range, ...] = ()
    """all of these, one per measure"""

    @classmethod
    def from_url(cls, parameters: Mapping[str, Sequence[str]]) -> tuple[Filters, list[str]]:
        """The filters of a URL.

        Args:
            parameters: all values of each parameter; other pages' parameters are not looked at.

        Returns:
            The filters, and a short note for each value that was passed over.
        """
        notes: list[str] = []

        def known(name: str, words: Mapping[str, object]) -> tuple[str, ...]:
            given = dict.fromkeys(text.casefold() for text in parameters.get(name, ()) if text)
            notes.extend(f"{name}={_short(text)}" for text in given if text not in words)
            return tuple(text for text in given if text in words)

        ranges: dict[str, Range] = {}
        for text in parameters.get("range", ()):
            found = _range(text)
            if found is None or found.column in ranges:
                notes.append(f"range={_short(text)}")
            else:
                ranges[found.column] = found
        words = " ".join(parameters.get("words", ()))
        if len(words) > MAX_CHARACTERS:
            notes.append(f"words={_short(words)}")
        filters = cls(
            show=next(iter(known("show", SHOWS)), "open"),
            words=words if len(words) <= MAX_CHARACTERS else "",
            labels=tuple(dict.fromkeys(label for label in parameters.get("label", ()) if label)),
            kinds=known("kind", KINDS),
            roles=next(iter(known("roles", ROLES)), ""),
            marks=known("mark", MARKS),
            ranges=tuple(ranges.values()),
        )
        return filters, notes

    def to_url(self) -> dict[str, list[str]]:
        """The parameters of the URL that say the same; what is as usual is left out."""
        values = {
            "show": [self.show] if self.show != "open" else [],
            "words": [self.words] if self.words else [],
            "label": list(self.labels),
            "kind": list(self.kinds),
            "roles": [self.roles] if self.roles else [],
            "mark": list(self.marks),
            "range": [one.text() for one in self.ranges],
        }
        return {name: found for name, found in values.items() if found}

    def narrowed(self, column: str, low: float | None, high: float | None) -> Filters:
        """With other bounds for one measure, in its place; without it if neither is given."""
        bounds = {one.column: one for one in self.ranges} | {column: Range(column, low, high)}
        return replace(self, ranges=tuple(one for one in bounds.values() if (one.low, one.high) != (None, None)))

    def parts(self) -> dict[str, str]:
        """What narrows the list, in words, by a name that `without` takes; what is shown (`show`) comes last."""
        found = {"words": f"Words: {self.words.strip()}"} if self.words.strip() else {}
        found |= {f"label:{label}": f"Label: {label}" for label in self.labels}
        found |= {f"kind:{kind}": KINDS[kind] for kind in self.kinds}
        found |= {"roles": ROLES[self.roles]} if self.roles else {}
        found |= {f"mark:{mark}": MARKS[mark] for mark in self.marks}
        found |= {f"range:{one.column}": one.words() for one in self.ranges}
        return found | ({} if self.show == "all" else {"show": f"Show: {SHOWS[self.show]}"})

    def without(self, part: str) -> Filters:
        """Without one of `parts`; the same if it is none of them."""
        kind, _, value = part.partition(":")
        if kind == "label":
            return replace(self, labels=tuple(label for label in self.labels if label != value))
        if kind == "kind":
            return replace(self, kinds=tuple(one for one in self.kinds if one != value))
        if kind == "mark":
            return replace(self, marks=tuple(mark for mark in self.marks if mark != value))
        if kind == "range":
            return replace(self, ranges=tuple(one for one in self.ranges if one.column != value))
        plain = {"words": {"words": ""}, "roles": {"roles": ""}, "show": {"show": "all"}}
        return replace(self, **plain.get(part, {}))

    def cleared(self) -> Filters:
        """Only what is shown, open or decided, is kept."""
        return Filters(show=self.show)


def query_text(filters: Filters, sort: str) -> str:
    """The part of a link that opens this list: filters and order."""
    return urlencode({**filters.to_url(), "sort": sort}, doseq=True)


def read_query_text(text: str) -> dict[str, list[str]]:
    """The parameters of `query_text`; what is not a filter or an order is passed over."""
    found = parse_qs(text, keep_blank_values=True)
    return {name: found[name] for name in (*PARAMETERS, "sort") if name in found}


def _range(text: str) -> Range | None:
    column, _, bounds = text.partition(":")
    low_text, dots, high_text = bounds.partition("..")
    if column not in MEASURES or not dots:
        return None
    try:
        low, high = (float(one) if one else None for one in (low_text, high_text))
    except ValueError:
        return None
    given = [bound for bound in (low, high) if bound is not None]
    if not given or not all(map(math.isfinite, given)) or given != sorted(given):
        return None
    return Range(column, low, high)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
