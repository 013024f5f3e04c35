"""A family of real models: all-MiniLM-L6-v2, its bfloat16 cast, a trained adapter and the child merged from it."""

from family.build import MEMBERS, OWNER, build, installed_base

__all__ = ["MEMBERS", "OWNER", "build", "installed_base"]
