"""Where payloads are to land, as it is written in the settings: a folder or the URI of a bucket.

``s3://bucket/prefix?region=…`` is any object store with the S3 API. Credentials are the usual
``AWS_…`` variables, a profile or the role of the machine; they never stand in the URI, which is
shown and logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from dcarbon.db.landing_places import Bucket, Folder, Place
from dcarbon.domain.errors import SettingsInvalid

_S3_OPTIONS = ("endpoint_override", "force_virtual_addressing", "region", "tls_ca_file_path")
_OBJECT_STORES = ("abfs", "abfss", "gcs", "gs")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_CONNECT_S = 5.0
_TRIES = 3
"""Of one request, each after a longer pause; all of them take some seconds."""


def place(address: str | Path) -> Place:
    """Open the place behind a folder's path or a URI; nobody is asked for anything yet.

    Raises :class:`SettingsInvalid` naming what is wrong with the address.
    """
    written = str(address)
    folder = folder_of(written)
    if folder is not None:
        return Folder(fs.LocalFileSystem(), str(folder))
    parts = urlsplit(written)
    if "@" in parts.netloc:
        raise _invalid(
            f"The landing zone at {parts.scheme}://… has credentials in its address, which is "
            "shown and logged. Give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead."
        )
    if parts.scheme == "s3":
        return Bucket(_s3(parts, shown(written)), _inside(parts, shown(written)))
    try:
        files, root = fs.FileSystem.from_uri(written)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _invalid(
            f"The landing zone at {shown(written)} is none we can open: {error}."
        ) from error
    return (Bucket if parts.scheme in _OBJECT_STORES else Folder)(files, root)


def folder_of(address: str | Path) -> Path | None:
    """Return the folder of this machine that an address names; ``None`` for any other place."""
    parts = urlsplit(str(address))
    if len(parts.scheme) <= 1:
        return Path(address).absolute()
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def shown(address: str | Path) -> str:
    """Return an address as people may see it: without options and whatever stands before an @."""
    if folder_of(address) is not None:
        return str(address)
    parts = urlsplit(str(address))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _inside(parts: SplitResult, said: str) -> str:
    if not parts.netloc:
        raise _invalid(f"The landing zone at {said} names no bucket. Write s3://bucket/prefix.")
    return f"{parts.netloc}/{parts.path.strip('/')}".rstrip("/")


def _s3(parts: SplitResult, said: str) -> fs.S3FileSystem:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(options.keys() - set(_S3_OPTIONS))
    if unknown:
        raise _invalid(
            f"The landing zone at {said} has unknown options: {', '.join(unknown)}. "
            f"There are: {', '.join(_S3_OPTIONS)}."
        )
    given: dict[str, Any] = {
        name: options[name] for name in ("region", "tls_ca_file_path") if name in options
    }
    if options.get("force_virtual_addressing", "").lower() in ("1", "true", "yes"):
        given["force_virtual_addressing"] = True
    try:
        return fs.S3FileSystem(
            **given,
            **_endpoint(options, said),
            # One write of a small object instead of three requests.
            allow_delayed_open=True,
            connect_timeout=_CONNECT_S,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_TRIES),
        )
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _invalid(f"The landing zone at {said} cannot be opened: {error}.") from error


def _endpoint(options: Mapping[str, str], said: str) -> dict[str, str]:
    """Return where the object store is, when it is not Amazon's."""
    written = options.get("endpoint_override")
    if not written:
        return {}
    parts = urlsplit(written if "://" in written else f"https://{written}")
    is_here = parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise _invalid(
            f"The landing zone at {said} would be reached without TLS. Write the endpoint as "
            "https://… (http:// is for this machine only)."
        )
    return {"endpoint_override": parts.netloc, "scheme": parts.scheme}


def _invalid(message: str) -> SettingsInvalid:
    return SettingsInvalid(message, display_message=message)
