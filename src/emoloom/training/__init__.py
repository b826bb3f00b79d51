"""Short supervised fine-tuning on answer tokens."""
