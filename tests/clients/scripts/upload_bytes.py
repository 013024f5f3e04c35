"""upload_file of bytes in memory."""

from answer import answer
from huggingface_hub import HfApi


def upload(text, **arguments):
    return HfApi().upload_file(path_or_fileobj=text.encode(), **arguments)


answer(upload)
