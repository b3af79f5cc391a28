"""What other programs call the keys of this one, so that a message can say which is meant."""

HERE = {
    "batch_size": ("global_batch", "micro_batch"),
    "per_device_train_batch_size": ("micro_batch",),
    "gradient_accumulation_steps": ("global_batch", "micro_batch"),
    "learning_rate": ("lr",),
    "max_steps": ("steps",),
    "max_iters": ("steps",),
    "max_epochs": ("epochs",),
    "num_train_epochs": ("epochs",),
    "num_epochs": ("epochs",),
    "gpus": ("devices",),
    "num_nodes": ("nodes",),
    "gradient_checkpointing": ("activation_checkpointing",),
    "n_layer": ("layers",),
    "num_layers": ("layers",),
    "num_hidden_layers": ("layers",),
    "n_embd": ("hidden",),
    "d_model": ("hidden",),
    "hidden_size": ("hidden",),
    "n_head": ("heads",),
    "num_heads": ("heads",),
    "num_attention_heads": ("heads",),
    "intermediate_size": ("mlp",),
    "block_size": ("context",),
    "max_length": ("context",),
    "max_position_embeddings": ("context",),
    "seq_length": ("sequence_length",),
    "r": ("rank",),
    "lora_alpha": ("alpha",),
    "lora_dropout": ("dropout",),
}
"""In the same section, by the names of transformers, Lightning, nanoGPT, LitGPT and peft."""

ELSEWHERE = {
    "batch_size": "trainer.global_batch or trainer.micro_batch",
    "bf16": "trainer.precision",
    "fp16": "trainer.precision",
    "gradient_accumulation_steps": "trainer.global_batch and trainer.micro_batch, from which it follows",
    "learning_rate": "optim.lr",
    "lr": "optim.lr",
    "max_steps": "trainer.steps",
    "num_train_epochs": "trainer.epochs",
    "weight_decay": "optim.weight_decay",
}
"""In another section."""
