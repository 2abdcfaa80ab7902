"""An app of its own for a site that is to follow its mailboxes in a hurry, and for what a test asks of it."""
