"""The conformance engine: scripts, a player, transcripts, an oracle, checks and their verdicts.

Data flows one way: strategies draw a script, the player plays it and records a transcript, the oracle turns the
transcript into findings, the engine confirms, shrinks and rates what failed, and tells it all as events.
"""
