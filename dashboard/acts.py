"""One decision on many pairs at once: what it would do, in words, and its decisions. No Streamlit here."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from dashboard.wording import pairs_in_words
from engine.review import Decision
from engine.review.acts import Act
from engine.review.decisions import MAX_CAPTION_CHARACTERS

DOING = {"keep": "Keep", "drop": "Drop", "unsure": "Call unsure", "relabel": "Relabel"}
DONE = {"keep": "kept", "drop": "dropped", "unsure": "called unsure", "relabel": "relabelled"}
RECENT = datetime.timedelta(hours=12)


def suggested_captions(
    scores: pd.DataFrame, suggestions: pd.DataFrame | None, pair_ids: Collection[str]
) -> dict[str, str]:
    """The best caption that is suggested for each pair and is not its own; pairs without one are left out.

    So are captions that are too long for a decision.

    Args:
        scores: scores and pairs, indexed by pair_id; its single suggested_caption serves where the table says nothing.
        suggestions: sorted by pair_id and rank, indexed by pair_id; None if the run has none.
        pair_ids: of `scores`.
    """
    rows = scores.loc[list(pair_ids)]
    found = {}
    if "suggested_caption" in rows:
        single = rows[rows["suggested_caption"].notna() & (rows["suggested_caption"] != rows["caption"])]
        found = single["suggested_caption"].to_dict()
    if suggestions is not None:
        own = suggestions[suggestions.index.isin(rows.index)]
        own = own[own["caption"].to_numpy() != rows["caption"].reindex(own.index).to_numpy()]
        found |= own["caption"][~own.index.duplicated()].to_dict()
    texts = {pair_id: str(found.get(pair_id, "")) for pair_id in rows.index}
    return {one: text for one, text in texts.items() if text.strip() and len(text) <= MAX_CAPTION_CHARACTERS}


@dataclass(frozen=True)
class Plan:
    """What is to be decided, before it is."""

    verdict: str
    """keep, drop, relabel or unsure"""
    pair_ids: tuple[str, ...]
    """pairs that get a decision, in order"""
    captions: dict[str, str]
    """the new caption of each, with relabel only"""
    num_left: int = 0
    """pairs in the scope that get none, since no caption is suggested for them"""

    @classmethod
    def of(cls, verdict: str, pair_ids: Sequence[str], captions: dict[str, str]) -> Plan:
        """The plan for a scope; relabelling takes those with a suggested caption.

        Args:
            verdict: keep, drop, relabel or unsure.
            pair_ids: all pairs of the scope.
            captions: of `suggested_captions`; looked at for relabelling.
        """
        if verdict != "relabel":
            return cls(verdict, tuple(pair_ids), {})
        own = {pair_id: captions[pair_id] for pair_id in pair_ids if pair_id in captions}
        return cls(verdict, tuple(own), own, len(pair_ids) - len(own))

    def question(self) -> str:
        """The title of what is confirmed."""
        return f"{DOING[self.verdict]} {pairs_in_words(len(self.pair_ids))}?"

    def consequences(self, decided: Collection[str], annotator: str) -> list[str]:
        """What happens, one sentence each.

        Args:
            decided: pair_ids with a standing decision.
            annotator: in whose name.
        """
        number = len(self.pair_ids)
        again = len(set(self.pair_ids) & set(decided))
        said = [f"{number:,} decisions are written in the name of {annotator}. No file of the data set is changed."]
        if self.verdict == "relabel":
            said.append("Each gets the best of its suggested captions, which nobody has read yet.")
        if self.num_left:
            said.append(f"{self.num_left:,} others have no suggested caption and stay as they are.")
        if again:
            said.append(f"{again:,} are decided already; what you say now stands instead.")
        return [*said, "One Undo takes all of it back."]

    def decisions(self, act: str, annotator: str, run_id: str, suspicion: pd.Series) -> list[Decision]:
        """The decisions to store; their client_keys begin with the name of the act.

        Args:
            act: see `engine.review.acts.new_act`.
            annotator: who decides.
            run_id: the run on screen.
            suspicion: of the run's pairs, indexed by pair_id, 0 … 1.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        values = suspicion.reindex(list(self.pair_ids)).tolist()
        return [
            Decision(
                pair_id=pair_id,
                verdict=self.verdict,
                new_caption=self.captions.get(pair_id),
                annotator=annotator,
                decided_at=now,
                client_key=f"{act}-{number}",
                run_id=run_id,
                suspicion=None if pd.isna(value) else value,
            )
            for number, (pair_id, value) in enumerate(zip(self.pair_ids, values, strict=True))
        ]


def done_in_words(act: Act) -> str:
    """What an act did."""
    return f"You {DONE[act.verdict]} {pairs_in_words(act.num_pairs)} at once, {act.decided_at[11:16]} UTC."


def is_recent(act: Act, now: datetime.datetime) -> bool:
    """Whether an act is fresh enough to be offered for undoing without being asked for."""
    try:
        return now - datetime.datetime.fromisoformat(act.decided_at) < RECENT
    except (ValueError, TypeError):
        return False
