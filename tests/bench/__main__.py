"""`make bench`: speed of training as ratios, each against a reference measured in the same run, in turns.

Absolute figures move with the machine and with what else it does; the ratios much less. Prints a Markdown table.
"""

from tests.bench.batching import bench_batching
from tests.bench.generation import bench_generation
from tests.bench.preferences import bench_preferences
from tests.bench.table import parser, print_table
from tests.bench.training import bench_decoder, bench_trainer


def main() -> None:
    arguments = parser("make bench", __doc__, ("trainer", "decoder", "batching", "preferences", "generation"))
    arguments.add_argument("--rounds", type=int, default=15)
    args = arguments.parse_args()
    benches = {
        "trainer": lambda: bench_trainer(args.rounds),
        "decoder": lambda: bench_decoder(args.rounds),
        "batching": lambda: bench_batching(args.rounds),
        "preferences": lambda: bench_preferences(args.rounds),
        "generation": lambda: bench_generation(args.rounds),
    }
    print_table(benches, args.only, ("torch", "pytorch-lightning", "transformers"))


if __name__ == "__main__":
    main()
