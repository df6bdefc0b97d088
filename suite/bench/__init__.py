"""Measures servers: load generator, alternating runs, claims. It never imports the conformance engine, nor the reverse."""
