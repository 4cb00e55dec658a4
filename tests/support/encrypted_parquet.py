"""Parquet files with encrypted columns or an encrypted footer; nobody has the keys."""

import base64
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe


class _Keys(pe.KmsClient):  # type: ignore[misc] # of a class without types
    """Keys that are their own names, in base64."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        """Return a key as it is stored."""
        del master_key_identifier
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        """Return a stored key."""
        del master_key_identifier
        return base64.b64decode(wrapped_key)


def encrypted(path: Path, columns: dict[str, list[str]], **options: Any) -> Path:  # noqa: ANN401
    """Write ten rows of the columns image and label, some of them encrypted.

    Args:
        path: the file.
        columns: names of keys, and of the columns that each encrypts.
        options: others of pyarrow's `EncryptionConfiguration`.
    """
    table = pa.table({"image": [b"x" * 300] * 10, "label": list(range(10))})
    settings = pe.EncryptionConfiguration(footer_key="footer", column_keys=columns, **options)
    factory = pe.CryptoFactory(lambda _: _Keys())
    keys = factory.file_encryption_properties(pe.KmsConnectionConfig(), settings)
    with pq.ParquetWriter(path, table.schema, encryption_properties=keys) as writer:
        writer.write_table(table)
    return path
