"""Keys to bytes: where blobs lie, and what can be put in front of that."""
