"""Readers, registry, label spaces and row sets."""
