"""The page of `suite report`: conformance, claims and benchmark joined into one."""
