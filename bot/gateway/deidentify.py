"""Takes what could name a person out of a question before it is filed for the clinicians."""

from __future__ import annotations

import re

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bhttps?://\S+|\bwww\.\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[email]"),
    (re.compile(r"@\w{3,}"), "[handle]"),
    (re.compile(r"\b\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}\b"), "[date]"),
    (re.compile(r"(?<!\w)\+?\(?\d[\d\s().-]{5,}\d(?!\w)"), "[number]"),
    (re.compile(r"\d{4,}"), "[number]"),
    (
        re.compile(
            r"\b(\d{1,5})\s+([A-Z][\w']*\s+){1,3}(street|st|avenue|ave|road|rd|lane|ln|drive|dr|blvd)\b", re.IGNORECASE
        ),
        "[address]",
    ),
    (
        re.compile(
            r"\b((?:my|his|her|their) (?:\w+ )?name(?: is|['\u2019]s)|i am called|call me|this is|me llamo|mi nombre es)"
            r"\s+(?!a\b|an\b|the\b|my\b|not\b|so\b|about\b)[^\W\d_]+(?:\s+[A-Z][^\W\d_]+)*",
            re.IGNORECASE,
        ),
        r"\1 [name]",
    ),
    (re.compile(r"\b((?i:dr|mr|mrs|ms|doctor|nurse)\.?)\s+[A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)?"), r"\1 [name]"),
    (re.compile(r"\b(?i:(i['\u2019]?m|i am|soy))\s+[A-Z][a-z]+(?:\s+[A-Z][a-z]+)?\b"), r"\1 [name]"),
)


def deidentify(text: str) -> str:
    """Mask links, addresses, numbers, dates and names that a sentence gives away.

    Example:
        >>> deidentify("My name is Ana, call 212-555-0100. Does kefir help?")
        'My name is [name], call [number]. Does kefir help?'
    """
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text.strip()[:500]
