"""Completes the list of crates: `scripts/sbom` calls it with the tool's file and the one to write.

Added are OpenSSL as it is linked, the jars of infra/kafka and the ClickHouse engine, which `weir
up` runs beside the binary; their hashes are those that the set-up holds them to.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Groups of Maven by the beginning of a jar's name, for what vulnerability scanners look up.
GROUPS = {
    "kafka": "org.apache.kafka",
    "connect": "org.apache.kafka",
    "log4j": "org.apache.logging.log4j",
}


def openssl():
    """The version that the linker finds."""
    found = subprocess.run(["pkg-config", "--modversion", "openssl"], capture_output=True,
                           text=True, check=True).stdout.strip()
    return {"type": "library", "name": "openssl", "version": found, "scope": "required",
            "purl": f"pkg:generic/openssl@{found}", "bom-ref": f"pkg:generic/openssl@{found}",
            "licenses": [{"expression": "Apache-2.0"}]}


def jars():
    """Kafka's, by the file that the set-up compares them with."""
    for line in (ROOT / "infra/kafka/jars.sha256").read_text().splitlines():
        sha, file = line.split()
        name, version = re.fullmatch(r"\*?(.+?)-(\d[\w.]*(?:-[\w.]+)*)\.jar", file).groups()
        group = next((g for start, g in GROUPS.items() if name.startswith(start)), None)
        path = f"{group}/{name}" if group else name
        yield {"type": "library", "name": name, "version": version, "scope": "optional",
               **({"group": group} if group else {}),
               "purl": f"pkg:maven/{path}@{version}" if group else f"pkg:generic/{file}",
               "bom-ref": file, "hashes": [{"alg": "SHA-256", "content": sha}]}


def engine():
    """The ClickHouse engine, as npm packs it."""
    name, version = os.environ["CHDB_PACKAGE"], os.environ["CHDB_VERSION"]
    purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
    return {"type": "library", "name": name, "version": version, "scope": "optional",
            "purl": purl, "bom-ref": purl,
            "hashes": [{"alg": "SHA-256", "content": os.environ["CHDB_SHA256"]}]}


def clean(value):
    """Paths of the copy that the tool worked in say nothing to others."""
    text = re.sub(r"\?download_url=file://[^\"#&]*", "", json.dumps(value))
    ours = r"path\+file://[^\"#]*?/((?:crates|services|sdks)/)"
    return json.loads(re.sub(ours, r"path+file:///\1", text))


def main(made, out):
    """Reads, adds, checks, writes."""
    bom = clean(json.loads(pathlib.Path(made).read_text()))
    added = [openssl(), *jars(), engine()]
    bom["components"] = sorted(bom["components"] + added, key=lambda c: (c["name"], c["version"]))
    locked = set(re.findall(r'^name = "(.+)"\nversion = "(.+)"$', (ROOT / "Cargo.lock").read_text(),
                            re.M))
    crates = [(c["name"], c["version"]) for c in bom["components"] if c not in added]
    unknown = [c for c in crates if c not in locked]
    if unknown or len(crates) < 100:
        print(f"not in Cargo.lock: {unknown}; {len(crates)} crates", file=sys.stderr)
        return 1
    # The same sources make the same file.
    bom.pop("serialNumber", None)
    bom["metadata"].pop("timestamp", None)
    pathlib.Path(out).write_text(json.dumps(bom, indent=1, ensure_ascii=False) + "\n")
    print(f"{out}: {len(crates)} crates, {len(added)} others")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
