"""All that the fake answers: importing the modules below registers it."""

from __future__ import annotations

from . import calendar_methods as calendar_methods
from . import gmail as gmail
from . import gmail_writing as gmail_writing
from . import push_methods as push_methods
from .handlers import HANDLERS as HANDLERS
