"""Answers to texts from a model or an export, as they come in."""
