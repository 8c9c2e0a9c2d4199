"""The shape of the classifier: all-MiniLM-L6-v2's layers and two heads. What the graph, the weights and their reader agree on."""

LAYERS = 6
HIDDEN = 384
INNER = 1536
HEADS = 12
MAX_TOKENS = 128
"""Tokens that are read of one stretch of text."""

OUTPUTS = 23
"""First the flag, then the groups: none, 1 to 21."""
