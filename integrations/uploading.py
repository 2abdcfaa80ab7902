"""Uploads are refused by their announced size, before a byte of them is stored."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler

OTHER_FIELDS = 100_000
"""Bytes of a form besides its file, at most."""
FREE_DISK = 500_000_000
"""Bytes of disk that stay free whatever is uploaded."""


def refusal(size: int, name: str = "The file", *, copies: int = 1) -> str:
    """Why a file of this size is not taken, and what to do; empty if it is. `copies`: how often it will be stored."""
    if size > settings.MAX_UPLOAD:
        return (
            f"{name} is {size / 1e9:.1f} GB, and the limit is {settings.MAX_UPLOAD / 1e9:.1f} GB. "
            "Split the archive, or raise MAX_UPLOAD."
        )
    folders = [settings.MEDIA_ROOT, Path(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir())][:copies]
    if any(shutil.disk_usage(existing(folder)).free < size + FREE_DISK for folder in folders):
        return f"There is not enough free disk space for {name}. Free some, then try again."
    return ""


def existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return path if path.exists() or path.parent == path else existing(path.parent)


class BoundedUploadHandler(TemporaryFileUploadHandler):
    """Writes an upload to disk unless its announced size is too much; then `request.upload_refusal` says why."""

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        why = refusal(content_length - OTHER_FIELDS, copies=2)
        self.request.upload_refusal = why  # type: ignore[union-attr]

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if self.request.upload_refusal:  # type: ignore[union-attr]
            # What has not been sent yet is not read either: ten gigabytes are not worth waiting for.
            raise StopUpload(connection_reset=True)
        super().new_file(*args, **kwargs)
