"""Readers, registry, label spaces and the maps between them, splits, duplicates."""
