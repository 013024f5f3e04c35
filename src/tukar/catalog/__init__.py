"""The catalogue: who there is, which repositories there are, what their revisions hold, and who may see it.

Functions take a ``Transaction`` first, so that a usecase puts several of them into one.
"""
