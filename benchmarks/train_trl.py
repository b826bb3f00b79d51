"""TRL's `SFTTrainer` on the same model, adapter, ids, labels, order, optimiser and schedule."""

import tempfile
from collections.abc import Callable
from typing import Any

import torch
from train_ways import Meter, PlainRow, Prepared, Way, peak_mb

from emoloom.training.schedule import learning_rate_at


def run_trl(ready: Prepared, way: Way) -> Meter:
    """Train as TRL does; it meets the model as transformers loads it, and no mode of ours."""
    torch.use_deterministic_algorithms(False)
    ready.lm.model.set_attn_implementation("sdpa")
    meter = Meter()
    parts: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        optimizer, schedule = _optimizer(ready)
        trainer = _trainer(ready, way, folder, (optimizer, schedule))
        trainer.training_step = _recorded(trainer.training_step, meter, parts)

        def end_of_step(*_: Any) -> None:
            meter.lap(ready.lm.device)
            meter.losses.append(sum(parts))
            parts.clear()

        optimizer.register_step_post_hook(end_of_step)
        meter.before_mb = peak_mb(ready.lm.device)
        trainer.train()
    return meter


def _trainer(ready: Prepared, way: Way, folder: str, optimizers: tuple[Any, Any]) -> Any:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    settings = ready.settings
    at_once = way.rows_at_once or settings.batch_rows
    options = SFTConfig(
        output_dir=folder,
        num_train_epochs=1,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=settings.batch_rows // at_once,
        max_grad_norm=settings.clip_norm,
        gradient_checkpointing=way.recompute,
        bf16=settings.dtype == "bfloat16",
        # `packing=True` sorts the rows of the whole set by length, and a step counts packs. What it
        # runs on is `padding_free`: here the rows of a forward are one pack, in our order.
        padding_free=way.packed,
        max_length=None,
        train_sampling_strategy="sequential",
        use_cpu=ready.lm.device.type == "cpu",
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=settings.seed,
    )
    rows = [ready.plain(index) for step in ready.plan for index in step]
    tokenizer = ready.lm.prompter.tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return SFTTrainer(
        model=ready.wrapper,
        args=options,
        train_dataset=Dataset.from_list([{"input_ids": i, "labels": t} for i, t in rows]),
        processing_class=tokenizer,
        optimizers=optimizers,
    )


def _optimizer(ready: Prepared) -> tuple[Any, Any]:
    """AdamW and the schedule of `fit`."""
    settings, steps = ready.settings, len(ready.plan)
    optimizer = torch.optim.AdamW(
        [p for p in ready.wrapper.parameters() if p.requires_grad],
        lr=settings.learning_rate,
        weight_decay=0.0,
    )

    def share(taken: int) -> float:
        return learning_rate_at(min(taken + 1, steps), steps, settings) / settings.learning_rate

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def _recorded(step: Callable[..., Any], meter: Meter, parts: list[float]) -> Callable[..., Any]:
    """TRL's forward and backward, noting the rows that it was given and its part of the loss."""

    def recorded(model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        meter.rows.extend(rows_seen(inputs))
        loss = step(model, inputs, *rest, **named)
        parts.append(float(loss))
        return loss

    return recorded


def rows_seen(inputs: dict[str, Any]) -> list[PlainRow]:
    """The rows of a batch as TRL's collator made it: [B, T] with padding, or [1, T] one by one."""
    ids, labels = inputs["input_ids"], inputs["labels"]
    if "attention_mask" in inputs:
        lengths = inputs["attention_mask"].sum(1).tolist()
        return [(ids[k, :n].tolist(), labels[k, :n].tolist()) for k, n in enumerate(lengths)]
    starts = (inputs["position_ids"][0] == 0).nonzero()[:, 0].tolist()
    bounds = zip(starts, [*starts[1:], ids.shape[1]], strict=True)
    return [(ids[0, a:b].tolist(), labels[0, a:b].tolist()) for a, b in bounds]
