"""The gateway's web application: chat API, widget files, health."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from bot.gateway import api, metrics
from bot.gateway.errors import ApiError
from bot.gateway.house import House
from bot.gateway.settings import GatewaySettings
from bot.telegram import webhook
from bot.telegram.front import TelegramFront

logger = logging.getLogger("vagus.gateway")

WEB = Path(__file__).resolve().parent.parent / "web"
PUBLIC_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
MAX_BODY = 128 * 1024
"""Bytes of one request's body."""

PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def create_app(settings: GatewaySettings) -> FastAPI:
    """Build the application. Nothing is opened until it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        house = House.open(settings)
        app.state.house = house
        running = [asyncio.create_task(work) for work in (house.sweep_forever(), house.callbacks.tell_forever())]
        telegram = TelegramFront(house) if settings.telegram_token else None
        app.state.telegram = telegram
        if telegram:
            await telegram.start()
        try:
            with metrics.serving(settings.metrics_port):
                yield
        finally:
            if telegram:
                await telegram.stop()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await house.close()

    app = FastAPI(
        title="Vagus chat API",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(api.router)
    app.include_router(webhook.router)
    _add_health(app)
    _add_errors(app)
    _add_widget(app)
    _add_middleware(app, settings)
    return app


def _add_health(app: FastAPI) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", include_in_schema=False)
    async def readyz(house: api.HouseDep) -> JSONResponse:
        parts = await house.parts()
        ready = all(parts.values())
        # Without its classifier the screen still works, by its rules, so that this alone takes no gateway out of service.
        state = {"ready": ready, "parts": parts, "safety_classifier": house.conversations.screens}
        return JSONResponse(state, status_code=200 if ready else 503)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def on_api_error(request: Request, error: ApiError) -> JSONResponse:
        del request
        return _error(error.status, error.code, error.message, error.headers)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        del request
        code = {404: "not_found", 405: "not_allowed"}.get(error.status_code, "invalid")
        return _error(error.status_code, code, f"{error.detail}.", dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        del request
        problems = [f"{'.'.join(str(step) for step in e['loc'][1:]) or 'body'}: {e['msg']}" for e in error.errors()]
        too_long = any(e["type"] == "string_too_long" and e["loc"][-1] == "text" for e in error.errors())
        if too_long:
            return _error(413, "too_long", "That message is too long. Please ask it in one or two sentences.")
        return _error(422, "invalid", "; ".join(problems))

    @app.exception_handler(Exception)
    async def on_failure(request: Request, error: Exception) -> JSONResponse:
        logger.error("request to %s failed: %s", request.url.path, type(error).__name__)
        house: House = request.app.state.house
        clinic, emergency = house.clinic, house.clinic.emergency.emergency
        message = f"Something went wrong here. Please call {clinic.phone_display}; in an emergency call {emergency}."
        return _error(500, "failed", message)


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    safe = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    body = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status_code=status, headers=safe | (headers or {}))


def _add_widget(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def demo_page() -> FileResponse:
        return FileResponse(WEB / "index.html", headers={"Content-Security-Policy": PAGE_POLICY})

    @app.get("/{name}.js", include_in_schema=False)
    async def script(name: str) -> Response:
        return _web_file(f"{name}.js")

    @app.get("/web/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        return _web_file(name)


def _web_file(name: str) -> Response:
    """A file of the widget or the demo page. Any page may load the widget; the API decides who may use it."""
    path = WEB / name
    if path.parent != WEB or path.suffix not in PUBLIC_TYPES or not path.is_file():
        return _error(404, "not_found", "There is no such file here.")
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "no-cache",
    }
    return FileResponse(path, media_type=PUBLIC_TYPES[path.suffix], headers=headers)


def _add_middleware(app: FastAPI, settings: GatewaySettings) -> None:
    from knowledge.clinic import load_clinic

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY or "transfer-encoding" in request.headers:
            return _error(413, "too_long", "That message is too long. Please ask it in one or two sentences.")
        response = await call_next(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        if request.url.path.startswith("/api/"):
            response.headers["Cache-Control"] = "no-store"
        return response

    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(load_clinic(settings.clinic).allowed_origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["authorization", "content-type"],
        expose_headers=["retry-after"],
        max_age=600,
    )
