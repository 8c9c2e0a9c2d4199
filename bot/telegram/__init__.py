"""Telegram: updates are stored before they are acknowledged, and replies before they are sent.

receiver (inbox) -> clerk (what to say) -> render (how it looks) -> sender (outbox)
"""
