"""Open the database, bring its schema up to date, refuse one that is newer than this program."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gitops_bot import telemetry
from gitops_bot.errors import SchemaTooNew, StoreError
from gitops_bot.store.store import Store

log = telemetry.logger(__name__)

_MIGRATIONS = Path(__file__).with_name("migrations")


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _migrate(connection: Connection) -> None:
    scripts = ScriptDirectory.from_config(_alembic())
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise SchemaTooNew(
            f"The database has schema version {current}, which this version of gitops-bot does not know: "
            "a later version has used it. Start that version, or restore a backup."
        )
    if current != scripts.get_current_head():
        log.info("bringing the database up to date", from_version=current, to_version=scripts.get_current_head())
        command.upgrade(_alembic(connection), "head")


def _engine(url: str) -> AsyncEngine:
    engine = create_async_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine.sync_engine, "connect")
        def _set_pragmas(connection: object, _record: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's own connection
            # Readers do not wait for the writer; FULL: what was acknowledged survives a power cut.
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            # Milliseconds that a writer waits for another process (a backup, `gitops-bot audit`).
            cursor.execute("PRAGMA busy_timeout=10000")
            cursor.close()

    return engine


async def open_store(url: str, *, audit_anchors: Path | None = None) -> Store:
    """Open (and for SQLite make) the database. StoreError says what is wrong, without the password of the URL.

    ``audit_anchors`` is the file that digests of decisions are added to (see rules/audit.py).
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        try:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"store.folder: cannot make {parsed.database}: {error.strerror}.") from error
    engine = _engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate)
    except StoreError:
        await engine.dispose()
        raise
    except (SQLAlchemyError, OSError) as error:
        await engine.dispose()
        shown = parsed.render_as_string(hide_password=True)
        raise StoreError(f"The database {shown} cannot be used: {_first_line(error)}") from error
    return Store(engine, audit_anchors)


def _first_line(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).strip().split("\n", maxsplit=1)[0]
