"""Several calls of HfApi in one process: a list of {"method", "arguments"} gives {"value"} or {"error"} for each."""

from answer import answer, described, plain
from huggingface_hub import HfApi


def attempt(method, arguments):
    try:
        return {"value": plain(getattr(HfApi(), method)(**arguments))}
    except Exception as error:
        return {"error": described(error)}


def attempt_each(calls):
    return [attempt(**call) for call in calls]


answer(attempt_each)
