"""spaCy, imported without torch.

thinc, under spaCy, imports torch wherever it is installed: two seconds and 300 MB that nothing here uses, since our
pipelines are rules and look-up tables. Hiding torch for the length of that one import keeps the servers small. Import
`spacy` from here, never directly.
"""

from __future__ import annotations

import logging
import sys

_hidden = "torch" not in sys.modules
if _hidden:
    sys.modules["torch"] = None  # type: ignore[assignment]
try:
    import spacy
finally:
    if _hidden:
        del sys.modules["torch"]

logging.getLogger("spacy").setLevel(logging.WARNING)

__all__ = ["spacy"]
