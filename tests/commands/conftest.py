from __future__ import annotations

from pathlib import Path

import pytest

from tests.importing import letter, mailbox


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two letters from Ada, one of them twice."""
    first, second = letter(1), letter(2, subject="Tea", text="At four?\nBring cake.")
    return mailbox(tmp_path / "mail.mbox", first, second, first)
