"""Reports: they consume events; nothing else prints."""
