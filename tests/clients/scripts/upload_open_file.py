"""upload_file of an open file, which even the newest client sends through LFS."""

from answer import answer
from huggingface_hub import HfApi


def upload(local, **arguments):
    with open(local, "rb") as stream:
        return HfApi().upload_file(path_or_fileobj=stream, **arguments)


answer(upload)
