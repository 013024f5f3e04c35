"""What the workload does, in phases. The hub is opened anew for each; its lanes run at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .steps import AddToken, AddUser, Check, Collect, Commit, Create, Delete, Pause, Repack, Send, Step

Lane = Sequence[Step]
Phase = Sequence[Lane]

FIRST: Lane = [
    Create("admin/first"),
    Send("model 0"),
    Send("model 1"),
    Commit("admin/first", "two relatives", {"a.safetensors": "model 0", "sub/b.safetensors": "model 1"}),
    AddUser("alice"),
    AddToken("alice", "laptop"),
    Create("alice/xet"),
    Send("xet 1"),
    Commit("alice/xet", "through Xet", {"x.bin": "xet 1", "README.md": "text 3"}),
    Send("xet 22"),
    Commit("alice/xet", "a relative", {"y.bin": "xet 22", "x.bin": "xet 1"}),
    Send("noise 1"),
]

SECOND: Lane = [
    Commit("admin/first", "sent before the restart", {"noise.bin": "noise 1", "README.md": "text 9"}),
    Check(),
    Send("gguf 1"),
    Commit("admin/first", "another format", {"q.gguf": "gguf 1", "sub/b.safetensors": None}),
    Create("admin/gone"),
    Send("model 2"),
    Send("noise 2"),
    Send("xet 3"),
    Commit("admin/gone", "all kinds", {"m.safetensors": "model 2", "n.bin": "noise 2", "x.bin": "xet 3"}),
    Send("noise 3"),
    Delete("admin/gone"),
    Collect(),
    Commit("admin/first", "spared by gc", {"noise3.bin": "noise 3"}),
    Send("model 3"),
    Send("xet 3"),
    Collect(window=0),
    Check(),
    Send("xet 3"),
    Commit("alice/xet", "freed, and sent again", {"z.bin": "xet 3"}),
    Commit("alice/xet", "as before", {"z.bin": None, "README.md": "text 5"}),
]


def pusher(name: str, start: int) -> Iterator[Step]:
    """Someone who pushes to repositories of their own, and deletes every other."""
    for number in range(start, start + 3):
        repository = f"{name}/r{number}"
        yield Create(repository)
        for kind in ("model", "xet", "noise")[number % 2 :]:
            yield Send(f"{kind} {number}")
        first = "xet" if number % 2 else "model"
        files = {"m.bin": f"{first} {number}", "n.bin": f"noise {number}", "README.md": f"text {number}"}
        yield Commit(repository, f"push {number}", files)
        yield Commit(repository, "less", {"n.bin": None, "more.txt": f"text {number + 1}"})
        if number % 2 == 0:
            yield Delete(repository)


KEEPER: Lane = [Collect(), Check(), Collect(), Collect(), Check(), Collect()]

PHASES: Sequence[Phase] = (
    [FIRST],
    [SECOND],
    [list(pusher("alice", 10)), list(pusher("bob", 20)), KEEPER],
    [[Collect(window=0), Check(), Send("model 30"), Commit("admin/first", "the last", {"a.safetensors": "model 30"})]],
)
"""Every kind of thing that a hub does, some of it at once, with restarts in between."""


FAMILY: Lane = [
    Create("admin/base"),
    Send("family 0"),
    Commit("admin/base", "a parent", {"a.safetensors": "family 0"}),
    Create("admin/child"),
    Send("family 1"),
    Send("family 2"),
    Commit("admin/child", "two children", {"a.safetensors": "family 1", "b.safetensors": "family 2"}),
    Repack(),
    Collect(grace=3),
    Check(),
    Send("family 5"),
    Commit("admin/child", "a child of a child", {"a.safetensors": "family 5"}),
    Repack(),
    Collect(),
]

ORPHANS: Lane = [
    Delete("admin/base"),
    Collect(),
    Create("admin/other"),
    Send("family 10"),
    Commit("admin/other", "another family", {"a.safetensors": "family 10"}),
    Repack(),
    Collect(),
    Check(),
    Send("family 11"),
    Pause(True),
    Commit("admin/child", "of both", {"c.safetensors": "family 11"}),
    Repack(),
    Delete("admin/other"),
    Pause(False),
    Repack(),
    Collect(window=0),
    Send("family 3"),
    Repack(),
    Commit("admin/child", "encoded anew before it was committed", {"d.safetensors": "family 3"}),
    Collect(grace=3),
    Send("family 10"),
    Create("admin/other"),
    Commit("admin/other", "sent again", {"a.safetensors": "family 10"}),
    Repack(),
    Delete("admin/child"),
    Collect(),
    Check(),
]


def breeder(name: str, start: int) -> Iterator[Step]:
    """Someone who publishes a family member by member, and deletes the parent of what is left."""
    for number in (start, start + 1, start + 5):
        yield Create(f"{name}/r{number}")
        yield Send(f"family {number}")
        yield Commit(f"{name}/r{number}", f"push {number}", {"m.safetensors": f"family {number}"})
        if number == start + 5:
            yield Delete(f"{name}/r{start}")
            yield Repack()


REPACKING: Sequence[Phase] = (
    [FAMILY],
    [ORPHANS],
    [
        list(breeder("alice", 20)),
        list(breeder("bob", 30)),
        [Repack(), Repack(), Check(), Repack()],
        [Repack(beside=True), Collect(), Repack(beside=True), Collect(grace=2), Repack(beside=True), Collect()],
    ],
    [[Collect(window=0), Repack(), Delete("alice/r21"), Collect(), Check()]],
)
"""Families come, are encoded anew, and lose their parents; at last by several at once, collections among them."""

PLANS: Mapping[str, Sequence[Phase]] = {"everything": PHASES, "repack": REPACKING}


def steps(plans: Mapping[str, Sequence[Phase]] = PLANS) -> dict[str, Step]:
    """All steps by their names: the plan, and the numbers of phase, lane and step."""
    return {
        f"{plan}.{number}.{lane}.{place}": step
        for plan, phases in plans.items()
        for number, phase in enumerate(phases)
        for lane, steps in enumerate(phase)
        for place, step in enumerate(steps)
    }
