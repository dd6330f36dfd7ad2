# SPDX-License-Identifier: Apache-2.0
"""What is said of statements that failed."""

import pathlib

import pytest
import sqlalchemy
from oslo_db import exception
from oslo_db.sqlalchemy import enginefacade

from ironic_console.drivers import database_errors

SECRET = 'pa55-W0rd'


@pytest.fixture(autouse=True)
def _hidden() -> None:
    database_errors.hide_secrets()
    database_errors.hide_secrets()


def failure(statement: str, path: pathlib.Path | None = None) -> str:
    """:returns: what is said of a statement with a secret in it."""
    facade = enginefacade.transaction_context()
    facade.configure(connection=f'sqlite:///{path}' if path else 'sqlite://')
    with (pytest.raises((sqlalchemy.exc.SQLAlchemyError, exception.DBError),
                        ) as caught,
          facade.writer.get_engine().connect() as connection):
        connection.execute(sqlalchemy.text(statement), {'value': SECRET})
    return repr(caught.value) + str(caught.value) + str(
        caught.value.__cause__)


@pytest.mark.parametrize('column', ['driver_info', 'driver_internal_info'])
def test_parameters_for_columns_with_secrets_are_not_quoted(
        column: str) -> None:
    said = failure(f'UPDATE nodes SET {column} = :value')
    assert 'no such table' in said
    assert column in said
    assert SECRET not in said


def test_parameters_for_others_are() -> None:
    assert SECRET in failure('UPDATE nodes SET name = :value')


def test_a_database_that_cannot_be_opened_is_told_as_before(
        tmp_path: pathlib.Path) -> None:
    assert 'unable to open' in failure('SELECT :value', tmp_path / 'a' / 'b')
