#!/usr/bin/env bash
# ray.cluster_utils.Cluster, Ray's own way to try several nodes on one machine, takes a temp_dir for its
# files. It still writes the cluster's address below the default temporary folder (RAY_TMPDIR, else TMPDIR),
# into a sub-folder "ray" that only an ordinary ray.init() would have made. So on a fresh machine, or in a job with
# a temporary folder of its own, it raises FileNotFoundError; after any other use of Ray there it works.
# Seen with ray 2.60.0. Remedy: make that folder first.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0 >"$folder/pip.log" 2>&1 || { cat "$folder/pip.log"; exit 1; }
cat >"$folder/try.py" <<'PY'
import os
import sys
from pathlib import Path

from ray.cluster_utils import Cluster

top = Path(os.environ["RAY_TMPDIR"])
SMALL = dict(num_cpus=1, object_store_memory=80_000_000, include_dashboard=False)


def begin(own: str) -> str:
    try:
        cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "temp_dir": str(top / own)})
    except FileNotFoundError as error:
        return f"FileNotFoundError: {Path(error.filename).relative_to(top)}"
    cluster.shutdown()
    return "started"


fresh = begin("a")
(top / "ray").mkdir()
made = begin("b")
print("with an empty temporary folder:", fresh)
print("with a folder ray/ in it:      ", made)
as_stated = fresh == "FileNotFoundError: ray/ray_current_cluster" and made == "started"
print("as stated" if as_stated else "CHANGED")
sys.exit(not as_stated)
PY
mkdir "$folder/t"
RAY_TMPDIR="$folder/t" RAY_USAGE_STATS_ENABLED=0 timeout 180 "$folder/venv/bin/python" "$folder/try.py" 2>"$folder/ray.log" || { code=$?; tail -5 "$folder/ray.log"; exit $code; }
