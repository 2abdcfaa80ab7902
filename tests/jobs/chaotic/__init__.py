"""An app of its own for the chaos tests: kinds of jobs that behave badly."""
