"""Failures on command: what a pipeline must survive, produced when asked for and again from the same seed.

`installation.install` puts a faulty door before the engine's HTTP surface, a faulty courier and a faulty analyst in
place of the honest ones. An engine without faults holds none of them.
"""
