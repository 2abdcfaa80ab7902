"""Keeping in step with a connected account. Each kind of stream says what to ask next, and what its answer changes."""
