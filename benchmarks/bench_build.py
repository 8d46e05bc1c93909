"""A whole build of human size under --max-memory: does it keep to it, and what does it take.

Makes a 3.1-Gb genome, 20,000 genes with 200,000 transcripts, and 200 million read pairs in two
replicates (the same members over and over, so that they take little disk), and builds sequence,
one-hot, 8-mers and contacts. The process is held to the limit by the system too (RLIMIT_AS): what
is not bounded fails here.

    python benchmarks/bench_build.py --size full --max-memory 2G
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench
import numpy as np
import pysam

from dexkit.memory import parse_size

N_CHROMS, BASES_A_LINE, LINES_A_BLOCK = 25, 60, 1000
PAIRS_A_MEMBER = 500_000
SIZES = {"small": (100_000_000, 2_000, 4_000_000), "full": (3_100_000_000, 20_000, 200_000_000)}
RUN = """
import atexit, resource, sys
from pathlib import Path
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
def peak():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(("VmPeak", "VmHWM")):
            print(line.replace(":", "").split()[0], int(line.split()[1]) * 1024)
atexit.register(peak)
from dexkit.cli.app import main
sys.argv = ["dexkit", *sys.argv[1:]]
main()
"""


def write_fasta(path: Path, n_bases: int) -> int:
    """Write a bgzip FASTA whose chromosomes are one block over and over; return their length."""
    rng = np.random.default_rng(1)
    lines = "".join(
        "".join(rng.choice(list("ACGT"), BASES_A_LINE)) + "\n" for _ in range(LINES_A_BLOCK)
    )
    n_blocks = n_bases // N_CHROMS // (BASES_A_LINE * LINES_A_BLOCK)
    end = bgzip_block(path, b"")
    block = bgzip_block(path, lines.encode()).removesuffix(end)
    with path.open("wb") as handle:
        for i in range(N_CHROMS):
            handle.write(bgzip_block(path.with_suffix(".one"), f">chr{i + 1}\n".encode())[:-28])
            for _ in range(n_blocks):
                handle.write(block)
        handle.write(end)
    path.with_suffix(".one").unlink()
    return n_blocks * BASES_A_LINE * LINES_A_BLOCK


def bgzip_block(path: Path, text: bytes) -> bytes:
    with pysam.BGZFile(str(path), "w") as handle:
        handle.write(text)
    return path.read_bytes()


def write_gtf(path: Path, n_genes: int, length: int) -> None:
    """Write genes of ten transcripts, five exons each."""
    rng = np.random.default_rng(2)
    starts = np.sort(rng.integers(10_000, length - 100_000, n_genes))
    with gzip.open(path, "wt", compresslevel=1) as handle:
        for i, start in enumerate(starts.tolist()):
            head, strand = f"chr{i % N_CHROMS + 1}\tbench\t", "+-"[i % 2]
            gene = f'gene_id "G{i}"; gene_name "N{i}"; gene_type "protein_coding";'
            handle.write(f"{head}gene\t{start}\t{start + 9000}\t.\t{strand}\t.\t{gene}\n")
            for j in range(10):
                own = f'{gene} transcript_id "T{i}.{j}";'
                place = f"{start + j}\t{start + 9000 - j}\t.\t{strand}\t."
                handle.write(f"{head}transcript\t{place}\t{own}\n")
                for k in range(5):
                    exon = f"{start + j + 1000 * k}\t{start + j + 1000 * k + 99}\t.\t{strand}\t."
                    handle.write(f"{head}exon\t{exon}\t{own}\n")


def write_pairs(path: Path, n_pairs: int, length: int, seed: int) -> None:
    """Write gzip members: the header, then one member of pairs as often as it takes."""
    rng = np.random.default_rng(seed)
    chrom1 = np.sort(rng.integers(1, N_CHROMS + 1, PAIRS_A_MEMBER))
    chrom2 = np.where(rng.random(PAIRS_A_MEMBER) < 0.7, chrom1, rng.integers(1, N_CHROMS + 1))
    pos1 = rng.integers(1, length, PAIRS_A_MEMBER)
    distance = np.exp(rng.uniform(np.log(1e3), np.log(1e8), PAIRS_A_MEMBER)).astype(np.int64)
    pos2 = np.minimum(pos1 + distance, length)
    columns = (c.tolist() for c in (chrom1, pos1, chrom2, pos2))
    text = "".join(
        f"r{i}\tchr{a}\t{p}\tchr{b}\t{q}\t+\t-\n"
        for i, (a, p, b, q) in enumerate(zip(*columns, strict=True))
    )
    member = gzip.compress(text.encode(), 6)
    header = "## pairs format v1.0\n#columns: readID chrom1 pos1 chrom2 pos2 strand1 strand2\n"
    with path.open("wb") as handle:
        handle.write(gzip.compress(header.encode()))
        for _ in range(n_pairs // PAIRS_A_MEMBER):
            handle.write(member)


def build(folder: Path, max_memory: str, threads: int) -> dict[str, object]:
    """Build under the limit in a process of its own; return its peaks and its time."""
    out = folder / "features.h5"
    limit = parse_size(max_memory)
    command = [sys.executable, "-c", RUN, str(limit), "build-features"]
    command += ["--out", str(out), "--force"]
    command += ["--fasta", str(folder / "g.fa.gz"), "--gtf", str(folder / "g.gtf.gz")]
    command += ["--contacts", f"S={folder / '1.pairs.gz'},{folder / '2.pairs.gz'}"]
    command += ["--block", "one-hot", "--block", "kmers", "--set", "kmers.k=8"]
    command += ["--max-memory", max_memory, "--threads", str(threads)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    peaks = dict(line.split() for line in done.stdout.splitlines() if line.startswith("Vm"))
    return {
        "limit_bytes": limit,
        "threads": threads,
        "seconds": round(time.perf_counter() - start, 1),
        "address_space_bytes": int(peaks["VmPeak"]),
        "resident_bytes": int(peaks["VmHWM"]),
        "output_bytes": out.stat().st_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=tuple(SIZES), default="small")
    parser.add_argument("--max-memory", default="2G")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="for the inputs (5 GB at full size)")
    options = parser.parse_args()
    n_bases, n_genes, n_pairs = SIZES[options.size]
    folder = Path(tempfile.mkdtemp(dir=options.folder, prefix="bench-build-"))
    try:
        length = write_fasta(folder / "g.fa.gz", n_bases)
        write_gtf(folder / "g.gtf.gz", n_genes, length)
        for i in (1, 2):
            write_pairs(folder / f"{i}.pairs.gz", n_pairs // 2, length, i)
        result = build(folder, options.max_memory, options.threads)
    finally:
        shutil.rmtree(folder)
    facts = {"genes": n_genes, "bases": n_bases, "pairs": n_pairs} | result
    print(json.dumps(facts, indent=1))
    where = bench.environment(options.size)
    where["command"] += f" --max-memory {options.max_memory} --threads {options.threads}"
    bench.save(where | {"facts": facts})


if __name__ == "__main__":
    main()
