"""The gallery wired to the stores: what the pages with tiles share.

The browser's log is one for all galleries, and may come late: decisions and answers to cards of a blind check can
arrive together, on any page. Each goes where it belongs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import streamlit as st

from dashboard import cache
from dashboard.components.gallery import Action, Turns, gallery
from dashboard.components.list_steps import remember_list
from dashboard.components.review import send_to_review
from dashboard.large_pictures import picture_url
from dashboard.listing import Listed
from dashboard.run_tables import RunTables
from dashboard.state import annotator, go, store
from engine.errors import EcifError
from engine.review import Decision
from engine.review.blind import BlindAnswer
from engine.runs import RunFolder

FAILED = "decisions_error"


@dataclass(frozen=True)
class Decidable:
    """What may be decided: the pairs of a run, and cards of blind checks; looked up only when they are asked about."""

    tables: RunTables
    known: set[str] = field(default_factory=set)
    """pairs that are known to be of the run, such as those on screen"""

    @cached_property
    def cards(self) -> set[str]:
        """Addresses of all cards."""
        return set(cache.blind_store().items()["card"])

    def is_pair(self, address: str) -> bool:
        """Whether `address` is the pair_id of a pair of the run."""
        if address not in self.known:
            self.known.update(self.tables.pairs_by_id([address], ["pair_id"]).index)
        return address in self.known

    def __contains__(self, address: str) -> bool:
        """Whether `address` is a pair_id or a card."""
        return self.is_pair(address) or address in self.cards


def deciding_gallery(
    tiles: list[dict[str, Any]],
    run: RunFolder,
    suspicion: dict[str, float],
    *,
    key: str,
    bar_scale: float,
    opens: bool = True,
    turns: Turns | None = None,
    listed: Sequence[str] | Listed | None = None,
) -> None:
    """A gallery whose decisions go to the store at once, and whose tiles open the Pair page.

    Args:
        tiles: see `gallery`.
        run: whose scores are on screen.
        suspicion: of the tiles' pairs, kept with each decision.
        key: of the component.
        bar_scale: influence [nats] that fills half a bar.
        opens: False for cards of a blind check: the Pair page and the review queue would tell.
        turns: see `gallery`.
        listed: pairs, or a list, that Previous and Next of the Pair page lead through; those of the tiles without it.
    """
    decidable = Decidable(cache.tables(run), {tile["pair_id"] for tile in tiles} if opens else set())

    def keep(actions: list[Action]) -> bool:
        try:
            store_actions([one for one in actions if decidable.is_pair(one.pair_id)], run.run_id, suspicion)
            store_answers([one for one in actions if not decidable.is_pair(one.pair_id)])
        except EcifError as error:
            st.session_state[FAILED] = str(error)
            return False
        st.session_state.pop(FAILED, None)
        return True

    if FAILED in st.session_state:
        st.error("Your last decisions are not stored yet. They stay in this tab and are sent again.")
        st.text(st.session_state[FAILED])
    opened = gallery(
        [_with_picture(tile, run) for tile in tiles] if opens else tiles,
        key=key,
        bar_scale=bar_scale,
        on_actions=keep,
        known_pairs=decidable,
        queues=opens,
        turns=turns,
    )
    if opened and opens:
        remember_list([tile["pair_id"] for tile in tiles] if listed is None else listed)
        go("pair", pair=opened)


def _with_picture(tile: dict[str, Any], run: RunFolder) -> dict[str, Any]:
    return {**tile, "picture_url": picture_url(run.run_id, tile["pair_id"])}


def store_actions(actions: list[Action], run_id: str, suspicion: dict[str, float]) -> None:
    """Append decisions and undos in the order they were made; what is to be reviewed goes to the review queue.

    Raises:
        DecisionsError: if the store refuses; what was stored before is passed over when the log comes again.
    """
    name, waiting = annotator(), []
    for action in actions:
        if action.verdict == "queue":
            continue
        if action.verdict == "undo":
            store().append(waiting)
            waiting = []
            store().undo(action.pair_id, name, action.client_key)
            continue
        waiting.append(
            Decision(
                pair_id=action.pair_id,
                verdict=action.verdict,
                new_caption=action.new_caption,
                annotator=name,
                decided_at=action.decided_at,
                seconds_spent=action.seconds_spent,
                run_id=run_id,
                suspicion=suspicion.get(action.pair_id),
                client_key=action.client_key,
            )
        )
    store().append(waiting)
    send_to_review([action.pair_id for action in actions if action.verdict == "queue"], run_id)


def store_answers(actions: list[Action]) -> None:
    """Append answers to cards of blind checks; an answer taken back is one left open.

    Raises:
        DecisionsError: if the store refuses.
    """
    actions = [action for action in actions if action.verdict != "queue"]
    if actions:
        name = annotator()
        cache.blind_store().answer(
            [
                BlindAnswer(
                    card=action.pair_id,
                    verdict="unsure" if action.verdict == "undo" else action.verdict,
                    annotator=name,
                    answered_at=action.decided_at,
                    client_key=action.client_key,
                    seconds_spent=action.seconds_spent,
                )
                for action in actions
            ]
        )
