"""Oracles as users write them, complete: `suite check --service suite.examples.lines:UPPER …`; docs/services.md explains them."""
