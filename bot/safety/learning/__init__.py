"""How the classifier's weights came to be. Needs torch; nothing here runs when the assistant does.

`python -m bot.safety.learning.train` makes `bot/safety/model/` from `bot/safety/training/*.jsonl`;
`python -m bot.safety.learning.compare` measures the methods against each other on authors that they were not trained on.
"""
