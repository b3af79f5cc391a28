"""How ranks share the work: Lightning's strategies, FSDP2 and DeepSpeed's ZeRO."""
