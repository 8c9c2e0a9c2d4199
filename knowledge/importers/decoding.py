"""Bytes -> text for files whose encoding nobody wrote down, or wrote down wrongly."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_-]+)""", re.IGNORECASE)
_TWICE = re.compile(r"(?:[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]{1,3})+")


def decode(raw: bytes, *, declared: bool = False) -> str:
    """Decode text.

    A byte order mark counts first, then UTF-8, then what an HTML page declares; what remains is read as UTF-8 with the
    odd bytes taken for Windows-1252, so that a page pasted together from both keeps its quotes and dashes.

    Args:
        raw: The file's bytes.
        declared: Look for an HTML or XML charset declaration.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, errors="replace")
    wide = _wide(raw)
    if wide:
        return raw.decode(wide, errors="replace")
    try:
        return _undoubled(raw.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    named = _CHARSET.search(raw[:4096]) if declared else None
    if named:
        name = named[1].decode("ascii").lower()
        if name not in ("utf-8", "utf8", "iso-8859-1", "latin1", "us-ascii", "windows-1252"):
            try:
                return raw.decode(name)
            except (LookupError, UnicodeDecodeError):
                pass
    return raw.decode("utf-8", errors="knowledge.windows")


def is_binary(raw: bytes) -> bool:
    """Whether bytes are no text in any encoding: a picture, a program, an archive is full of control characters."""
    head = decode(raw[:4000])
    odd = sum(ord(sign) < 32 and not sign.isspace() and sign != "\x1b" for sign in head)  # ISO 2022 uses escapes
    return odd > 0.05 * len(head)


def _wide(raw: bytes) -> str | None:
    """UTF-16 without a byte order mark: nearly every other byte of Latin text is zero."""
    head = raw[:2000]
    if len(head) < 4 or not head.count(0):
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) * 0.3 and even < odd / 4:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) * 0.3 and odd < even / 4 else None


def _undoubled(text: str) -> str:
    """Mend UTF-8 that was taken for Windows-1252 and encoded again."""

    def mend(found: re.Match[str]) -> str:
        try:
            return found[0].encode("cp1252").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            return found[0]

    return _TWICE.sub(mend, text)


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error("knowledge.windows", _as_windows)
