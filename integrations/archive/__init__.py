"""All that one person has here, as one file that others can read, and back from it."""
