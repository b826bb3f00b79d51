"""Lexicon and weak VAD."""
