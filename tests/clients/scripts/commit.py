"""create_commit: additions {path in repository: local file}, deletions (a trailing slash means a folder), copies."""

from answer import answer
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi


def commit(repo_id, message, add=None, delete=(), copy=None, **options):
    operations = [CommitOperationDelete(path) for path in delete]
    operations += [CommitOperationAdd(path, local) for path, local in (add or {}).items()]
    operations += [CommitOperationCopy(source, target) for source, target in (copy or {}).items()]
    return HfApi().create_commit(repo_id, operations, commit_message=message, **options)


answer(commit)
