"""Formats that are text on disk: lines become blocks, values become tables, cues become speech."""
