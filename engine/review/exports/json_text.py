"""JSON that any reader takes: one line, captions readable, nothing that a reader could take for a line's end."""

from __future__ import annotations

import json
import re
from typing import Any

_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def json_line(value: Any) -> str:
    """`value` on one line; controls, Unicode's own line ends and halves of characters stand as escapes."""
    text = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
