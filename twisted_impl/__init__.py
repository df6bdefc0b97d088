"""Twisted: a reactor calls back when a socket is ready; the mechanism below it is chosen by name."""
