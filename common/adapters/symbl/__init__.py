"""Symbl's wire contract: `protocol` is pure, `client` sends."""
