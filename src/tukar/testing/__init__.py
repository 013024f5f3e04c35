"""Contract suites that a new codec, format or storage must pass, and generators of tiny models."""
