"""Telegram: updates are stored before they are acknowledged, and replies before they are sent.

What happens to an update, room by room:

    front      says hello to Telegram; polls, or waits at the door (`webhook`)
    updates    an update -> what we need of it (`Received`), or None
    inbox      stores it, many in one transaction; then it may be acknowledged
    receiver   its turn: in order in each chat (`order`), eight chats at once, emergencies first (`triage`)
    clerk      what to say: `commands`, `topics`, `keyboards`, `phrases`, `summary_page`; the rest the gateway knows
    render     how it looks: HTML within Telegram's limits
    letters    what goes into the outbox (`Draft`) and what lies in it (`Letter`)
    sender     sends it (`post`), keeps Telegram's limits, tries again

`mailbox` holds the tables of inbox and outbox, sealed. Three things skip rooms: an emergency found by `triage` is sent by
the `receiver` itself, as is what patients hear when nothing can be stored; and a pressed button is acknowledged there.
"""
