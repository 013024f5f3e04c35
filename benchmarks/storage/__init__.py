"""What storing families of models takes, beside other tools on the same files: ``make bench-storage``.

- ``coders``: the increment of each child over its stored base, encoding and decoding, tool by tool, one thread.
- ``bound``: how far Tukar is from the entropy of what it codes.
- ``store``: what a running hub takes for both families, beside the stores of others.
- ``wire``: what travels to somebody who has the base.
"""
