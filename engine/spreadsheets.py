"""Cells that no spreadsheet takes for a formula (OWASP ASVS 1.2.10), and the way back. No torch.

Text that begins with = + - @ tab, return, newline or NUL gets an apostrophe in front; so does text that begins with
apostrophes and such a character, so that reading back is exact. Numbers are left alone.
"""

from __future__ import annotations

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def guarded(value: object) -> object:
    """A cell as it is written: text that a spreadsheet might run gets an apostrophe in front."""
    if isinstance(value, str) and _is_dangerous(value):
        return "'" + value
    return value


def unguarded(text: str) -> str:
    """The text of a cell as it was before `guarded`."""
    return text[1:] if text.startswith("'") and _is_dangerous(text[1:]) else text


def _is_dangerous(text: str) -> bool:
    return text.lstrip("'").startswith(DANGEROUS)
