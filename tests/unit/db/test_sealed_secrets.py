"""No sealed column is left out when keys are changed."""

from __future__ import annotations

from sqlalchemy import LargeBinary

from dcarbon.db.sealed_secrets import COLUMNS
from dcarbon.db.tables import metadata

_HASHES = ("hash", "sha256")
_NO_SECRETS = {"sealing_keys.proof", "deletion_requests.receipt"}


def test_every_column_of_bytes_is_known_to_be_sealed_or_no_secret() -> None:
    bytes_of_tables = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not column.name.endswith(_HASHES)
    }

    known = {f"{column.row.__tablename__}.{column.sealed.key}" for column in COLUMNS}

    assert bytes_of_tables - _NO_SECRETS == known
