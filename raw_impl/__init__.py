"""Drivers straight over sockets: one mechanism, one file, the same skeleton. `diff -u` of two of them is the lesson."""
