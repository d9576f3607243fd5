"""The command line: a client of the HTTP API, and of nothing else of this project."""

VERSION = "0.1.0"  #: pyproject.toml's; a test holds the two together
