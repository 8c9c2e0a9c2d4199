"""The safety screen: recognises emergencies, crises and poisonings in what a patient writes, before anything else runs.

No Rasa and no network; of ours it imports only `knowledge.encoder`. How it works, its limits and its measured misses:
docs/safety.md.
"""

from bot.safety.flags import Kind, Level, RedFlag
from bot.safety.screen import SafetyScreen
from bot.safety.words import SafetyWords

__all__ = ["Kind", "Level", "RedFlag", "SafetyScreen", "SafetyWords"]
