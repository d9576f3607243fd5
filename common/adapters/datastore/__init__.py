"""Datastore: one file per kind; alone in knowing properties, indexes and transactions."""
