"""The HTTP API from one set of definitions: what is described is what is served.

description: what an operation is made of; of_recordings, of_companies: the table of all of them; reasons: what can go
wrong. serving: routing, validation and conditional requests by that table; openapi: the same for programs;
`python -m functions.api` prints it.
"""
