# SPDX-License-Identifier: Apache-2.0
"""Keeps what nodes hold of passwords out of what is logged of the database.

SQLAlchemy quotes the parameters of a statement that failed, and Ironic logs
it before it tries again: at DEBUG while a SQLite file is locked, at ERROR for
most else. It knows columns of Ironic's table and nothing of consoles.
SQLAlchemy, "DBAPI Events", handle_error.
"""

from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext

#: Passwords of BMCs, and all that opens consoles.
_COLUMNS = ('driver_info', 'driver_internal_info')
_EVENT = 'handle_error'


def hide_secrets() -> None:
    """For all databases of this process; doing it twice is fine."""
    if not event.contains(Engine, _EVENT, _hide):
        event.listen(Engine, _EVENT, _hide)


def _hide(context: ExceptionContext) -> None:
    # Listeners of one engine, as oslo.db has them, come after us.
    statement, error = context.statement or '', context.sqlalchemy_exception
    if error is not None and any(column in statement for column in _COLUMNS):
        error.hide_parameters = True
