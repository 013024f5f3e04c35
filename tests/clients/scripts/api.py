"""One call of HfApi: {"method": "model_info", "arguments": {"repo_id": ...}}."""

from answer import answer, plain
from huggingface_hub import HfApi


def call(method, arguments):
    # Some methods are generators, which fail only when they are read.
    return plain(getattr(HfApi(), method)(**arguments))


answer(call)
