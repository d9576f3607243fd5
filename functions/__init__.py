"""The stages, one file each, readable alone; no stage imports another."""
