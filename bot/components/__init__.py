"""Custom Rasa components. They run in the Rasa environment (Python 3.10) only."""
