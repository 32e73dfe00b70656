"""The training loop, from top to bottom."""

import dataclasses
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

import torch

from pixelwise.data import LabelledImages
from pixelwise.data.audit import audit
from pixelwise.errors import MissingExtraError, TrainingError
from pixelwise.evaluation.evaluate import evaluate
from pixelwise.inference.engines import TorchEngine
from pixelwise.inference.model_file import ModelInfo
from pixelwise.inference.predictor import Predictor
from pixelwise.models.fast_training import for_training
from pixelwise.training import checkpoint
from pixelwise.training.batches import augmentation, batches
from pixelwise.training.losses import LossSampling, balancing_weights, cross_entropy
from pixelwise.training.monitor import Monitor
from pixelwise.training.net import build_net, classes_as_data, classes_from
from pixelwise.training.optimizer import RunningMean, make_optimizer, schedule, set_rates
from pixelwise.training.recipe import Recipe


def train(
    recipe: Recipe, train_set: LabelledImages, val_set: LabelledImages, run: Path, resume: bool = False
) -> bool:
    """Train as the recipe says, leaving checkpoints and logs in the folder `run`; True if it reached the
    last step.

    False means that a SIGINT or SIGTERM ended it early; everything up to that step is in the checkpoint.
    With `resume` the run goes on from its last checkpoint and, on the CPU, ends with the very weights that an
    uninterrupted run has.
    """
    try:
        from lightning_fabric import Fabric
    except ModuleNotFoundError:
        raise MissingExtraError("lightning_fabric") from None

    # A run begins in a folder of its own, or where it stopped.
    last = run / checkpoint.LAST
    state = checkpoint.load(last) if resume else None
    if state is None and last.exists():
        raise TrainingError(f"{run} already holds a run", "go on with --resume, or choose another --output")
    if state is not None and (changed := _differences(recipe, Recipe.from_dict(state.recipe))):
        raise TrainingError(
            f"the run in {run} was started with other settings: {', '.join(changed)}",
            "resume with the same recipe and settings, or start a new run",
        )
    if state is not None and classes_from(state.classes) != train_set.classes:
        raise TrainingError(
            f"the run in {run} learns {', '.join(state.classes['names'])}, but the data now has "
            f"{', '.join(train_set.classes.names)}",
            "resume with the data the run was started with",
        )
    run.mkdir(parents=True, exist_ok=True)

    # Net, optimizer and running mean; all randomness follows from the seed.
    torch.manual_seed(recipe.seed)
    fabric = Fabric(accelerator=recipe.accelerator, devices=1, precision=recipe.precision)
    net = for_training(build_net(recipe, len(train_set.classes), trained=state is None), fabric.device)
    optimizer = make_optimizer(net, recipe)
    model, optimizer = fabric.setup(net, optimizer)
    mean = RunningMean(net, recipe.ema)
    judged = for_training(build_net(recipe, len(train_set.classes), trained=False), fabric.device)
    judged = judged.to(fabric.device).eval()
    torch.manual_seed(recipe.seed)  # building nets drew random numbers, and not always equally many
    start, seconds_before, history = 0, 0.0, []
    if state is not None:
        start, seconds_before, history = state.step, state.seconds, state.history
        net.load_state_dict(state.net)
        mean.load(state.mean)
        optimizer.load_state_dict(state.optimizer)
        torch.set_rng_state(state.torch_rng)

    sampling = LossSampling(recipe.loss_sampling)
    batch_size = sampling.batch_size(recipe.batch_size)
    weights = balancing_weights(audit(train_set).pixels).to(fabric.device) if recipe.balance_classes else None
    stream = batches(
        train_set, augmentation(recipe), batch_size, recipe.seed, start, recipe.steps, recipe.workers
    )
    info = ModelInfo(recipe.name, train_set.classes, recipe.long_side)
    predictor = Predictor(TorchEngine(judged), info)
    began = saved = time.monotonic()

    def save(done: int) -> None:
        content = checkpoint.Checkpoint(
            step=done,
            recipe=dataclasses.asdict(recipe),
            classes=classes_as_data(train_set.classes),
            net=net.state_dict(),
            mean=mean.tensors,
            optimizer=optimizer.state_dict(),
            torch_rng=torch.get_rng_state(),
            seconds=seconds_before + time.monotonic() - began,
            history=history,
        )
        checkpoint.save(content, last)

    done = start
    with (
        _signals() as asked_to_stop,
        closing(Monitor(run, start, recipe.steps, batch_size)) as monitor,
    ):
        model.train()
        for images, labels in stream:
            images = images.to(fabric.device).contiguous(memory_format=torch.channels_last)
            set_rates(optimizer, schedule(done, recipe))
            labels = sampling(net.sampled(labels), net.score_stride // net.label_stride)
            loss = cross_entropy(model(images), labels.to(fabric.device), weights)
            optimizer.zero_grad()
            fabric.backward(loss)
            optimizer.step()
            mean.update(net, done)
            done += 1
            if not math.isfinite(value := loss.item()):
                raise TrainingError(
                    f"the loss of step {done} is {value}",
                    "lower the learning rates; the last checkpoint is kept",
                )
            monitor.step(done, value, optimizer.param_groups[0]["lr"])

            due = done % recipe.evaluate_every == 0 and not asked_to_stop.is_set()
            if due or done == recipe.steps:
                judged.load_state_dict(mean.tensors)
                result = evaluate(predictor, val_set)
                history.append({"step": done, **result.summary()})
                overlays = [predictor(val_set.read(i).image).overlay() for i in range(min(4, len(val_set)))]
                monitor.evaluated(done, result.summary(), overlays)
            if (
                done == recipe.steps
                or asked_to_stop.is_set()
                or time.monotonic() - saved > 60 * recipe.checkpoint_minutes
            ):
                save(done)
                saved = time.monotonic()
            if asked_to_stop.is_set():
                break
    return done == recipe.steps


def _differences(now: Recipe, then: Recipe) -> list[str]:
    """The fields in which two recipes differ, but for those that do not change what is learnt."""
    free = {"workers", "checkpoint_minutes", "data", "backbone_weights", "init_from"}
    return [
        f"{field.name} was {getattr(then, field.name)}, is now {getattr(now, field.name)}"
        for field in dataclasses.fields(Recipe)
        if field.name not in free and getattr(now, field.name) != getattr(then, field.name)
    ]


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, to be looked at after each step; a second SIGINT interrupts at
    once.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        print("stopping after this step, with a checkpoint (Ctrl-C again: at once, without)", file=sys.stderr)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
