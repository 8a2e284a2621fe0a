"""The tables of a ledger, and how a ledger of an older version gets them.

``docs/batch.md`` describes them for users who open a ledger in sqlite3.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from ..errors import LedgerError

APPLICATION_ID: Final = 0x436F6D42
"""Identifies a ledger among SQLite files (``PRAGMA application_id``): ``ComB``."""

MIGRATIONS: Final = (
    """
    CREATE TABLE batch (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE row (
        number INTEGER PRIMARY KEY,
        parameters TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (
            state IN ('pending', 'in_progress', 'completed', 'failed', 'invalid', 'cancelled')
        ),
        prompt_hash TEXT,
        server TEXT,
        prompt_id TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        failure TEXT,
        error TEXT,
        sent REAL,
        ended REAL,
        texts TEXT
    );
    CREATE INDEX row_open ON row (state, number) WHERE state <> 'completed';

    CREATE TABLE attempt (
        prompt_id TEXT PRIMARY KEY,
        row INTEGER NOT NULL REFERENCES row (number),
        server TEXT NOT NULL,
        prompt_hash TEXT NOT NULL,
        sent REAL NOT NULL,
        ended REAL,
        ending TEXT,
        error TEXT
    ) WITHOUT ROWID;
    CREATE INDEX attempt_open ON attempt (row) WHERE ending IS NULL OR ending = 'abandoned';

    CREATE TABLE file (
        row INTEGER NOT NULL REFERENCES row (number),
        position INTEGER NOT NULL,
        name TEXT NOT NULL UNIQUE,
        node_id TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (row, position)
    ) WITHOUT ROWID;
    """,
)
"""What each version adds to the previous one; ``PRAGMA user_version`` counts them."""


def upgrade(database: sqlite3.Connection, name: str) -> None:
    """Give a ledger the tables of this version, without losing data.

    Args:
        database: The ledger; an empty file becomes one.
        name: Its file, for messages.

    Raises:
        LedgerError: It belongs to another program, or to a newer version.
    """
    version = _version(database, name)
    if version == len(MIGRATIONS):
        return
    # One transaction: a ledger gets all of a version or nothing, and two processes do not both do it.
    database.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_version(database, name), len(MIGRATIONS)):
            for statement in MIGRATIONS[number].split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {number + 1}")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def _version(database: sqlite3.Connection, name: str) -> int:
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    application: int = database.execute("PRAGMA application_id").fetchone()[0]
    tables: int = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (tables or version):
        raise LedgerError(f"{name} is a database of another program, not a batch's ledger")
    if version > len(MIGRATIONS):
        raise LedgerError(
            f"{name} was written by a newer comfyflow (version {version} of the ledger; this one knows "
            f"{len(MIGRATIONS)}); update comfyflow"
        )
    return version
