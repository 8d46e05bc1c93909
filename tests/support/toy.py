"""Small inputs, feature files and networks that several areas test with."""

from pathlib import Path

from dexkit.features.build import build_features
from dexkit.features.config import BuildConfig, ContactsSource, ExpressionSource

#: Options of a densenet that is built and trained in a second or two.
SMALL_DENSENET = {
    "stem_filters": 8,
    "stem_width_bp": 7,
    "stem_pool": 4,
    "n_blocks": 1,
    "layers_per_block": 1,
    "growth_rate": 4,
    "dense_units": [8],
}
SMALL_CONTACTS = {"units": [8, 4]}
#: The same as ``--set`` options.
SMALL_SET = [
    f"--set={name}.{key}={value}"
    for name, values in {"densenet": SMALL_DENSENET, "dense-contacts": SMALL_CONTACTS}.items()
    for key, value in values.items()
]
SMALL_SET_SEQUENCE = [option for option in SMALL_SET if "densenet" in option]


def build(data, out, **options):
    """Build a small feature file from a simulated data set; return its path."""
    values = {
        "fasta": data.fasta,
        "gtf": data.gtf,
        "contacts": tuple(
            ContactsSource(sample=name, paths=paths) for name, paths in data.contacts.items()
        ),
        "expression": (ExpressionSource(path=data.expression),),
        "upstream_bp": 100,
        "downstream_bp": 100,
        "margin_bp": 20,
        "settings": {"contacts": {"n_flank_bins": 10}},
        "assembly": "simulated",
    }
    build_features(BuildConfig(**(values | options)), Path(out))
    return Path(out)


def gtf_line(chrom, start, end, strand, gene_id, gene_name=None):
    """Return one gene of a GTF; start and end are 1-based, both included."""
    name = gene_name or gene_id
    return (
        f"{chrom}\ttest\tgene\t{start}\t{end}\t.\t{strand}\t.\t"
        f'gene_id "{gene_id}"; gene_name "{name}"; gene_type "protein_coding";\n'
    )


def fasta_text(sequences, width=60):
    """Return a FASTA of ``{name: sequence}``."""
    lines = []
    for name, sequence in sequences.items():
        lines.append(f">{name}")
        lines += [sequence[i : i + width] for i in range(0, len(sequence), width)]
    return "\n".join(lines) + "\n"


def pairs_text(lengths, pairs):
    """Return a 4DN .pairs file of ``(chrom1, pos1, chrom2, pos2[, pair_type])``, 1-based."""
    lines = ["## pairs format v1.0"]
    lines += [f"#chromsize: {name} {length}" for name, length in lengths.items()]
    lines.append("#columns: readID chrom1 pos1 chrom2 pos2 strand1 strand2 pair_type")
    for i, pair in enumerate(pairs):
        chrom1, pos1, chrom2, pos2, *kind = pair
        lines.append(f"r{i}\t{chrom1}\t{pos1}\t{chrom2}\t{pos2}\t+\t-\t{(kind or ['UU'])[0]}")
    return "\n".join(lines) + "\n"


def listing(folder):
    """Return every file below a folder with its size and time of change."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(Path(folder).rglob("*"))
    }
