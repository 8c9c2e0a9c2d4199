"""Articles become approved, searchable passages, and passages become answers. Knows nothing of chat."""
