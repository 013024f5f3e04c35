"""The content-addressed service of the Xet protocol: xorbs as views on stored files.

A client sends xorbs (runs of chunks) and then a shard, which says which files the chunks make up. Xorbs are staged
until a shard registers files from them; the files are landed in the object store, and from then on a xorb is a table of
chunk hashes and lengths, with spans that say which stored file holds which of its chunks. Nothing is stored twice for
Xet.
"""
