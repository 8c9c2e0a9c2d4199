"""Starts Rasa the way we need it: on loopback, quiet, with one honest channel, and with a model that matches its sources.

`python -m bot.rasa_server` serves; `--train` only trains, and does nothing when the model of the present sources exists.
Runs under the Rasa environment (`.venv-rasa`, Python 3.10).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import logging
import os
import re
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Read by Rasa, TensorFlow and the thread pools when they are imported.
os.environ["RASA_TELEMETRY_ENABLED"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LOG_LEVEL"] = "ERROR"  # Rasa's progress bars; our own logging is set up by quiet_logging
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")

ROOT = Path(__file__).resolve().parent.parent
RECIPE = 1
"""Raise this when the way of training changes, so that models are trained again."""
PURGE_EVERY = 3600.0

logger = logging.getLogger("vagus.rasa")


@dataclass(frozen=True)
class RasaSettings:
    """Where Rasa listens and keeps its things.

    Attributes:
        host: Loopback only; the gateway is the public door.
        port: Port of the honest channel.
        actions_url: The action server's webhook.
        var: Folder for models and the tracker database.
        build: The knowledge build folder, with the exported encoder and the spaCy pipeline.
        encoder: The exported encoder.
        vocabulary: The concepts.
        tracker_url: SQLAlchemy URL of the tracker store; empty for SQLite under `var`.
        redis_host: Host of Redis for the lock store; empty for locks in memory (one process).
        keep_seconds: Conversations without a message for this long are erased.
        log_level: INFO or higher.
    """

    host: str = "127.0.0.1"
    port: int = 5005
    actions_url: str = "http://127.0.0.1:5055/webhook"
    var: Path = ROOT / "var"
    build: Path = ROOT / "knowledge" / "build"
    encoder: Path = ROOT / "knowledge" / "build" / "encoder"
    vocabulary: Path = ROOT / "knowledge" / "vocabulary.yml"
    tracker_url: str = ""
    redis_host: str = ""
    keep_seconds: float = 48 * 3600.0
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> RasaSettings:
        """Defaults, each changed by an environment variable.

        Raises:
            SystemExit: If a number is not one, or the host is not loopback.
        """
        default = cls()
        build = Path(environ.get("VAGUS_BUILD", default.build))
        host = environ.get("VAGUS_RASA_HOST", default.host)
        if host not in ("127.0.0.1", "::1", "localhost") and environ.get("VAGUS_RASA_ALLOW_REMOTE") != "1":
            raise SystemExit(
                f"VAGUS_RASA_HOST: {host!r} is not loopback. Rasa has no authentication; keep it at 127.0.0.1, or set "
                "VAGUS_RASA_ALLOW_REMOTE=1 on a private network that only the gateway reaches."
            )
        return cls(
            host=host,
            port=int(_number(environ, "VAGUS_RASA_PORT", default.port)),
            actions_url=environ.get("VAGUS_ACTIONS_URL", default.actions_url),
            var=Path(environ.get("VAGUS_VAR", default.var)),
            build=build,
            encoder=Path(environ.get("VAGUS_ENCODER", build / "encoder")),
            vocabulary=Path(environ.get("VAGUS_VOCABULARY", default.vocabulary)),
            tracker_url=environ.get("VAGUS_TRACKER_URL", default.tracker_url),
            redis_host=environ.get("VAGUS_REDIS_HOST", default.redis_host),
            keep_seconds=_number(environ, "VAGUS_TRACKER_HOURS", default.keep_seconds / 3600) * 3600,
            log_level=environ.get("VAGUS_LOG_LEVEL", default.log_level),
        )

    @property
    def model(self) -> Path:
        """The model of the present sources, whether or not it exists yet."""
        return self.var / "models" / f"vagus-{sources_fingerprint(self)}.tar.gz"


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(environ.get(name, default))
    except ValueError as error:
        raise SystemExit(f"{name}: {environ[name]!r} is not a number.") from error


def sources_fingerprint(settings: RasaSettings) -> str:
    """Twelve hex digits over everything that shapes a model: of our components only those that config.yml names.

    Raises:
        SystemExit: If the exported encoder is missing.
    """
    manifest = settings.encoder / "encoder.json"
    if not manifest.is_file():
        raise SystemExit(f"{manifest}: missing. Run `make build` to export the encoder.")
    config = ROOT / "config.yml"
    components = sorted(set(re.findall(r"\bbot\.components\.(\w+)", config.read_text(encoding="utf-8"))))
    files = [config, settings.vocabulary, ROOT / "knowledge" / "language.py", manifest]
    files += [ROOT / "bot" / "components" / f"{name}.py" for name in components]
    for folder, pattern in (("bot/domain", "*.yml"), ("bot/data", "*.yml")):
        files += sorted((ROOT / folder).rglob(pattern))
    digest = hashlib.sha256(f"{RECIPE} {sys.version_info[:2]}".encode())
    for path in files:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def train(settings: RasaSettings) -> Path:
    """Train the model of the present sources, unless it exists.

    Returns:
        The model's file.

    Raises:
        SystemExit: If Rasa could not train.
    """
    from knowledge.language import saved_language

    # Always at the place that config.yml names, whatever VAGUS_BUILD says.
    saved_language(settings.vocabulary, ROOT / "knowledge" / "build")
    model = settings.model
    if model.is_file():
        return model
    # Rasa's cache knows components by their configuration only, so it would keep features of an older encoder.
    os.environ["RASA_MAX_CACHE_SIZE"] = "0"
    os.environ["RASA_CACHE_DIRECTORY"] = str(settings.var / "rasa-cache")
    from rasa.model_training import train as rasa_train
    from rasa.shared.nlu.training_data.training_data import TrainingData

    # For that cache Rasa hashes every example after every step, a third of the training time.
    TrainingData.fingerprint = lambda _data: uuid.uuid4().hex
    started = time.monotonic()
    model.parent.mkdir(parents=True, exist_ok=True)
    fresh = f".{model.name.removesuffix('.tar.gz')}-{os.getpid()}"
    result = rasa_train(
        domain=str(ROOT / "bot" / "domain"),
        config=str(ROOT / "config.yml"),
        training_files=[str(ROOT / "bot" / "data")],
        output=str(model.parent),
        fixed_model_name=fresh,
        force_training=True,
    )
    if result.code != 0 or not result.model:
        raise SystemExit(f"Rasa could not train (code {result.code}); its messages above say why.")
    os.replace(result.model, model)
    logger.info("trained %s in %.0f s", model.name, time.monotonic() - started)
    return model


def serve(settings: RasaSettings) -> None:
    """Load the model (training it first when the sources changed) and listen until told to stop."""
    model = train(settings)
    from rasa.core.run import configure_app

    from bot.components.honest_rest import HonestRest
    from bot.components.lean_actions import install_lean_actions
    from bot.components.lean_dialogue import install_lean_dialogue

    install_lean_actions()
    install_lean_dialogue()
    app = configure_app([HonestRest()], enable_api=False, route="/webhooks/", use_uvloop=True)

    async def open_agent(app: Any, _loop: Any) -> None:
        app.ctx.agent = load_agent(settings, model)
        gc.collect()
        gc.freeze()  # what is loaded now stays: the collector need not walk through it again and again
        app.add_task(_purge(app.ctx.agent, settings))
        logger.info("serving %s on http://%s:%d", model.name, settings.host, settings.port)

    async def close_agent(app: Any, _loop: Any) -> None:
        await app.ctx.agent.action_endpoint.close()
        app.ctx.agent.tracker_store.engine.dispose()

    app.register_listener(open_agent, "before_server_start")
    app.register_listener(close_agent, "after_server_stop")
    app.run(host=settings.host, port=settings.port, workers=1, access_log=False, debug=False, motd=False)


def load_agent(settings: RasaSettings, model: Path) -> Any:
    """An agent with its endpoints built in code: our tracker store (never Rasa's silent fallback to memory) and actions."""
    from rasa.core.agent import Agent
    from rasa.core.lock_store import InMemoryLockStore, RedisLockStore

    from bot.components.lean_actions import KeptEndpoint
    from bot.components.tracker_store import ErasableTrackerStore

    settings.var.mkdir(parents=True, exist_ok=True)
    if settings.tracker_url:
        store = ErasableTrackerStore(host=settings.tracker_url)
    else:
        store = ErasableTrackerStore(dialect="sqlite", db=str(settings.var / "tracker.db"))
    agent = Agent(
        lock_store=RedisLockStore(host=settings.redis_host) if settings.redis_host else InMemoryLockStore(),
        action_endpoint=KeptEndpoint(url=settings.actions_url),
    )
    agent.tracker_store = store
    agent.load_model(model)
    return agent


async def _purge(agent: Any, settings: RasaSettings) -> None:
    """Erase idle conversations now and every hour."""
    while True:
        erased = agent.tracker_store.erase_idle(settings.keep_seconds)
        if erased:
            logger.info("erased %d events of idle conversations", erased)
        await asyncio.sleep(PURGE_EVERY)


def main(arguments: list[str] | None = None) -> None:
    """Serve, or with `--train` only train."""
    parser = argparse.ArgumentParser(prog="python -m bot.rasa_server", description=__doc__)
    parser.add_argument("--train", action="store_true", help="train the model of the present sources and stop")
    options = parser.parse_args(arguments)
    settings = RasaSettings.from_env(os.environ)
    os.environ["VAGUS_ENCODER"] = str(settings.encoder)
    os.chdir(ROOT)  # config.yml names the spaCy pipeline relative to the project
    import skops.io  # noqa: F401  (before Rasa: it looks for each of its types in every module that is loaded, for seconds)

    from bot.components.quiet_logging import configure_logging

    configure_logging(settings.log_level)
    if options.train:
        sys.stdout.write(f"{train(settings)}\n")
    else:
        os.umask(0o077)  # what patients wrote is for the owner alone
        serve(settings)


if __name__ == "__main__":
    main()
