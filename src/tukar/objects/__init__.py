"""Files as tensors as blobs: land, read, collect garbage, check.

``store`` is the way in; ``packs`` and ``manifests`` are the byte format; ``index`` is what the database knows.
"""
