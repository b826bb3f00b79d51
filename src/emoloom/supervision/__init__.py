"""Lexicon and weak VAD, Valence Flip, theory and the appraisal verifier."""
