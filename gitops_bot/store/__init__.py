"""What must last, and nothing else: the only room that knows SQLAlchemy.

SQLite in WAL mode by default, PostgreSQL by URL. ``open_store`` brings the schema up to date.
"""

from gitops_bot.store.database import open_store
from gitops_bot.store.linked_accounts import LinkedAccounts
from gitops_bot.store.store import Store

__all__ = ["LinkedAccounts", "Store", "open_store"]
