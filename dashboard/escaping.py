"""Untrusted text made safe to show: in HTML, Markdown, GitHub workflow commands and CSV.

Labels, target ids and messages come from pull requests. What a reader can't see (control
characters, bidirectional overrides, joiners) is written out, so that nothing passes for what it
isn't.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import pandas as pd

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_KEPT = "\n\t"
# letters, marks and symbols that are drawn as nothing (Unicode's Default_Ignorable_Code_Point)
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_MARKDOWN = re.compile(r"[\\`*_\[\]~$<>&|@]|#(?=\w)|:(?=[\w+-]+:)|://|www\.", re.IGNORECASE)
_APART = "&#8203;"  # a space of no width: GitHub finds no user, issue or address across it
_MARKDOWN_PARTS: Mapping[str, str] = {
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
    "|": "&#124;",
    "@": f"@{_APART}",
    "#": f"#{_APART}",
    ":": f":{_APART}",
    "://": f":{_APART}//",
    "www.": f"www{_APART}.",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\n")


def visible(text: str) -> str:
    r"""Return a text with every character that can't be seen written as `\u{202e}`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    unseen = unicodedata.category(character) in _UNSEEN or _BLANK.match(character)
    return f"\\u{{{ord(character):x}}}" if unseen and character not in _KEPT else character


def visible_parts(part: Any) -> Any:
    """Return a chart's specification with every text in it made visible, and without links."""
    if isinstance(part, str):
        return visible(part)
    if isinstance(part, list):
        return [visible_parts(each) for each in part]
    if isinstance(part, dict):
        return {visible(key): visible_parts(value) for key, value in part.items() if key != "href"}
    return part


def escaped(text: str) -> str:
    """Return a text as it may stand in an HTML element or in a quoted attribute."""
    return html.escape(visible(text), quote=True)


def markdown(text: str, longest: int = 300) -> str:
    """Return a text as it may stand in a line of GitHub Markdown or in a table's cell.

    Nothing in it is markup, names a user or an issue, or becomes a link by itself. What is longer
    than `longest` characters is cut, and says so.
    """
    line = " ".join(visible(text).split())
    if len(line) > longest:
        line = f"{line[:longest]} … ({len(line) - longest} more characters)"
    return _MARKDOWN.sub(_markdown_part, line)


def _markdown_part(found: re.Match[str]) -> str:
    part = found.group()
    return _MARKDOWN_PARTS.get(part.lower()) or f"\\{part}"


def workflow_data(text: str) -> str:
    """Return a text as the message of a GitHub workflow command: one line, `%` escaped."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def workflow_property(text: str) -> str:
    """Return a text as a property (a title) of a GitHub workflow command."""
    return workflow_data(text).replace(":", "%3A").replace(",", "%2C")


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV whose texts no spreadsheet takes for a formula; numbers stay as is."""
    return frame.map(_csv_cell).rename(columns=_csv_cell).to_csv(index=False, lineterminator="\n")


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        shown = visible(value)
        return f"'{shown}" if shown.startswith(_FORMULA) else shown
    return value
