"""`make bench`: speed of training and use as ratios, each against a reference measured in the same run, in turns.

Absolute figures move with the machine and with what else it does; the ratios much less. Prints a Markdown table.
"""

from tests.bench.batching import bench_batching
from tests.bench.distillation import bench_distillation
from tests.bench.encoder import bench_encoder
from tests.bench.encoder_decoder import bench_encoder_decoder
from tests.bench.generation import bench_generation
from tests.bench.peers import bench_peers
from tests.bench.preferences import bench_preferences
from tests.bench.serving import bench_serving
from tests.bench.shipping import bench_shipping
from tests.bench.table import parser, print_table
from tests.bench.training import bench_decoder, bench_host, bench_products, bench_trainer
from train.products import use_fastest_products


def main() -> None:
    parts = (
        "trainer",
        "host",
        "products",
        "decoder",
        "peers",
        "encoder",
        "encoder_decoder",
        "batching",
        "preferences",
        "distillation",
        "generation",
        "serving",
        "shipping",
    )
    arguments = parser("make bench", __doc__, parts)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--seconds", type=float, default=120, help="that clients ask a server [120]")
    args = arguments.parse_args()
    use_fastest_products()
    benches = {
        "trainer": lambda: bench_trainer(args.rounds),
        "host": lambda: bench_host(args.rounds),
        "products": lambda: bench_products(args.rounds),
        "decoder": lambda: bench_decoder(args.rounds),
        "peers": lambda: bench_peers(args.rounds),
        "encoder": lambda: bench_encoder(args.rounds),
        "encoder_decoder": lambda: bench_encoder_decoder(args.rounds),
        "batching": lambda: bench_batching(args.rounds),
        "preferences": lambda: bench_preferences(args.rounds),
        "distillation": lambda: bench_distillation(args.rounds),
        "generation": lambda: bench_generation(args.rounds),
        "serving": lambda: bench_serving(args.seconds),
        "shipping": lambda: bench_shipping(args.rounds),
    }
    print_table(benches, args.only, ("torch", "pytorch-lightning", "transformers"), args.record)


if __name__ == "__main__":
    main()
