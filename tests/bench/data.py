"""`make bench-data`: the stages of data preparation as ratios to reference libraries, in one run.

Absolute figures move with the machine and with what else it does; the ratios much less. Prints a Markdown table.
"""

import os
from pathlib import Path

from tests.bench.dedup import bench_dedup
from tests.bench.growth import bench_growth
from tests.bench.markup import bench_markup
from tests.bench.stages import bench_clean, bench_shards
from tests.bench.table import parser, print_table

PARTS = ("markup", "clean", "dedup", "shards", "growth")
PACKAGES = ("mwparserfromhell", "datasketch", "rensa", "tokenizers", "pyarrow", "numpy")


def main() -> None:
    arguments = parser("make bench-data", __doc__, PARTS)
    data = Path(os.environ.get("LM_DATA", "data"))
    dump = next(iter(sorted(data.glob("wikidump/enwiki-*pages-articles*.xml.bz2"))), None)
    text = data / "wikitext-2/wiki.train.tokens"
    arguments.add_argument("--dump", type=Path, default=dump, help=f"a MediaWiki dump, .xml.bz2 [{dump}]")
    arguments.add_argument("--text", type=Path, default=text if text.exists() else None, help="plain text")
    args = arguments.parse_args()
    benches = {
        "markup": lambda: bench_markup(args.dump),
        "clean": lambda: bench_clean(args.dump),
        "dedup": lambda: bench_dedup(args.text),
        "shards": bench_shards,
        "growth": bench_growth,
    }
    print_table(benches, args.only, PACKAGES, args.record)


if __name__ == "__main__":
    main()
