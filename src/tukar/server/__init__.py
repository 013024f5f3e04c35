"""The Hugging Face-compatible ASGI app: one file an endpoint group, one error table."""
