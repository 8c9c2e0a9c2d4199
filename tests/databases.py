"""Where tests keep their tables: SQLite, or an empty PostgreSQL where `VAGUS_TEST_DATABASE` names one.

Whatever that database holds is deleted. For instance postgresql://postgres@127.0.0.1/vagus_test
"""

from __future__ import annotations

import os

import pytest
from sqlalchemy import create_engine, text

POSTGRESQL = os.environ.get("VAGUS_TEST_DATABASE", "")

needs_postgresql = pytest.mark.skipif(not POSTGRESQL, reason="VAGUS_TEST_DATABASE names no PostgreSQL to test against")
needs_sqlite = pytest.mark.skipif(bool(POSTGRESQL), reason="looks into the SQLite file, and VAGUS_TEST_DATABASE is set")


def emptied() -> str:
    """The URL of the PostgreSQL database, emptied; an empty text where there is none."""
    if POSTGRESQL:
        engine = create_engine(POSTGRESQL)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    return POSTGRESQL
