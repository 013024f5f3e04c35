"""Two families of real models, each its own base and children that were really fine-tuned, to measure storage with.

``minilm`` is the pretrained all-MiniLM-L6-v2, ``llm`` is SmolLM2-135M-Instruct dequantised. Both come from packages of
PyPI, as does the text that they are fine-tuned on, so anyone can make the families again without a model hub. They are
evidence for what fine-tuning with AdamW does to the bits of small models; they are not large language models.
"""
