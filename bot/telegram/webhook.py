"""The door that Telegram's webhook knocks at: a path that cannot be guessed, and a secret header."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response

from bot.telegram.front import TelegramFront

router = APIRouter(include_in_schema=False)


@router.post("/telegram/{path}")
async def receive(path: str, request: Request) -> Response:
    """Store one update, then acknowledge it. Telegram sends again whatever is not acknowledged."""
    front: TelegramFront | None = getattr(request.app.state, "telegram", None)
    if front is None:
        return Response(status_code=404)
    right_path, right_secret = front.is_door(path, request.headers.get("x-telegram-bot-api-secret-token", ""))
    if not right_path:
        return Response(status_code=404)
    if not right_secret:
        return Response(status_code=403)
    try:
        raw: object = json.loads(await request.body())
    except (ValueError, RecursionError):
        return Response(status_code=400)
    return Response(status_code=200 if await front.receive(raw) else 503)
