"""What a model runs on, as far as it can change the last bits of a logit; nothing that names it."""

import torch

from emoloom.models.causal_lm import CausalLM
from emoloom.models.encoder import Encoder


def device_facts(lm: CausalLM | Encoder) -> dict[str, str]:
    """Kind of device, its instruction set or card, and the CPU threads in force."""
    if lm.device.type == "cuda":
        kind = torch.cuda.get_device_name(lm.device)
    else:
        kind = str(torch.backends.cpu.get_cpu_capability())
    return {"device": lm.device.type, "kind": kind, "threads": str(torch.get_num_threads())}
