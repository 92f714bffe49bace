"""Train a network of `lfsr_tf.networks` on JAX: `KERAS_BACKEND=jax python -m studies.gpu.train --help`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from lfsr_tf.networks import build_loss, build_network
from studies.gpu.acquisition import acquire
from studies.gpu.batches import BatchPlan, random_batch, with_sigma

PLANS = Path(__file__).parent / "plans"
SIGMAS = (0.0, 0.015, 0.03, 0.06)
# Steps in one compiled loop.
LOOP = 500
State = tuple[list[Any], list[Any], list[Any], list[Any]]


@dataclass(frozen=True)
class Plan:
    """A training on an accelerator.

    Attributes:
        network: Name of the network.
        settings: Its settings.
        loss: Weights of losses by name.
        steps: Steps of the optimiser.
        learning_rate: After the warm-up.
        cosine: Let it fall to 0 along half a cosine; otherwise it stays.
        warmup: Steps over which the rate rises first.
        ema: Decay of the running mean of the weights, which is what is kept; 0: the last weights.
        clip_norm: Gradients of a larger norm are scaled down to it; 0: never.
        dtype_policy: Keras' dtype policy.
        seed: Of everything random.
        report_every: Steps after which the validation figures are taken.
        batches: What a batch is.
    """

    network: str = "SRDenseNet"
    settings: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, float] = field(default_factory=lambda: {"mse": 1.0})
    steps: int = 1000
    learning_rate: float = 1e-4
    warmup: int = 0
    cosine: bool = False
    ema: float = 0.0
    clip_norm: float = 0.0
    dtype_policy: str = "mixed_bfloat16"
    seed: int = 0
    report_every: int = 1000
    batches: BatchPlan = field(default_factory=BatchPlan)


def read_plan(name_or_path: str, changes: Mapping[str, Any]) -> Plan:
    """A plan of `plans/` or a TOML file, with changes to it."""
    path = PLANS / f"{name_or_path}.toml"
    values = tomllib.loads((path if path.is_file() else Path(name_or_path)).read_text(encoding="utf-8"))
    values = _changed(values, changes)
    return Plan(**{**values, "batches": BatchPlan(**values.get("batches", {}))})


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes win, within `settings` and `batches` too; another loss or network is one as a whole."""
    merged = ("batches",) if "network" in changes else ("batches", "settings")
    return {
        **values,
        **changes,
        **{name: {**values.get(name, {}), **changes.get(name, {})} for name in merged},
    }


class Training:
    """A network, its optimiser and the compiled step."""

    def __init__(self, plan: Plan) -> None:
        """Build everything; weights come from the plan's seed."""
        keras.utils.set_random_seed(plan.seed)
        keras.config.set_dtype_policy(plan.dtype_policy)
        self.plan = plan
        self.model = build_network(plan.network, **plan.settings)
        self.loss = build_loss(dict(plan.loss))
        self.optimizer = keras.optimizers.Adam(plan.learning_rate, global_clipnorm=plan.clip_norm or None)
        self.optimizer.build(self.model.trainable_variables)
        self._rate_at = [variable.name for variable in self.optimizer.variables].index("learning_rate")
        self._apply = jax.jit(lambda *given: self.model.stateless_call(*given)[0])
        self._compiled = jax.jit(self._scan, donate_argnums=0)

    def begin(self) -> State:
        """Trainable and other weights, the optimiser's state, and the running mean of the weights."""
        weights = [variable.value for variable in self.model.trainable_variables]
        others = [variable.value for variable in self.model.non_trainable_variables]
        optimizer = [variable.value for variable in self.optimizer.variables]
        return weights, others, optimizer, [jnp.array(weight) for weight in weights]

    def run(self, state: State, slices: jax.Array, first: int, last: int) -> tuple[State, float]:
        """Take the steps from number `first` to before `last`; also gives their mean loss."""
        total = jnp.zeros(())
        for begin in range(first, last, LOOP):
            steps = min(LOOP, last - begin)
            key = jax.random.fold_in(jax.random.key(self.plan.seed), begin)
            rates = jnp.asarray(learning_rates(self.plan, begin, steps))
            state, loss = self._compiled(state, slices, key, rates)
            total = total + loss
        return state, float(total) / (last - first)

    def _scan(
        self, state: State, slices: jax.Array, key: jax.Array, rates: jax.Array
    ) -> tuple[State, jax.Array]:
        def step(state: State, given: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
            key, rate = given
            return self._step(state, rate, *random_batch(key, slices, self.plan.batches))

        state, losses = jax.lax.scan(step, state, (jax.random.split(key, len(rates)), rates))
        return state, losses.sum()

    def _step(self, state: State, rate: jax.Array, lr: jax.Array, hr: jax.Array) -> tuple[State, jax.Array]:
        weights, others, optimizer, mean = state
        optimizer = [*optimizer]
        optimizer[self._rate_at] = rate

        def loss_of(weights: list[Any]) -> tuple[jax.Array, list[Any]]:
            sr, changed = self.model.stateless_call(weights, others, lr, training=True)
            return self.loss(hr, sr), changed

        (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights)
        weights, optimizer = self.optimizer.stateless_apply(optimizer, gradients, weights)
        decay = self.plan.ema
        mean = [decay * old + (1.0 - decay) * new for old, new in zip(mean, weights, strict=True)]
        return (weights, others, optimizer, mean), loss

    def psnr(self, state: State, slices: jax.Array, masks: jax.Array) -> dict[str, float]:
        """Mean PSNR inside the masks at each noise level, dB, of the running mean of the weights."""
        result = {}
        for sigma in SIGMAS:
            level = jnp.full(len(slices), sigma)
            hr = slices.astype(jnp.float32)
            lr = jnp.abs(acquire(jax.random.key(17), hr, level, hr.shape[-1] // self.plan.batches.scale))
            given = with_sigma(lr, level) if self.plan.batches.noise_level else lr[..., None]
            parts = jnp.array_split(given, max(len(given) // 32, 1))
            sr = jnp.concatenate([self._apply(state[3], state[1], part) for part in parts])
            error = (jnp.square(sr[..., 0] - hr) * masks).sum((1, 2)) / masks.sum((1, 2))
            result[f"{sigma:g}"] = float(-10.0 * jnp.log10(error).mean())
        return result


def learning_rates(plan: Plan, first: int, steps: int) -> NDArray[np.float32]:
    """The learning rates of some steps."""
    step = np.arange(first, first + steps)
    rising = np.minimum((step + 1) / max(plan.warmup, 1), 1.0)
    gone = np.clip((step - plan.warmup) / max(plan.steps - plan.warmup, 1), 0.0, 1.0)
    falling = 0.5 + 0.5 * np.cos(np.pi * gone) if plan.cosine else 1.0
    return np.asarray(plan.learning_rate * rising * falling, np.float32)


def train(plan: Plan, carried: Mapping[str, np.ndarray], output: Path, limit_s: float = float("inf")) -> None:
    """Train, report on the way, and write weights and history.

    Args:
        plan: What to do.
        carried: `train` and `validation` slices and `masks`, as `studies.gpu.carry` wrote them.
        output: The .npz file of the result, replaced at every report; its weights are float16, as those of
            shipped models are.
        limit_s: Stop at the first report after so many seconds.
    """
    training = Training(plan)
    slices, held_out = jnp.asarray(carried["train"]), jnp.asarray(carried["validation"])
    masks = jnp.asarray(carried["masks"])
    state, history, began = training.begin(), [], time.perf_counter()
    for first in range(0, plan.steps, plan.report_every):
        last = min(first + plan.report_every, plan.steps)
        state, loss = training.run(state, slices, first, last)
        row = {"steps": last, "loss": loss}
        row["seconds"] = round(time.perf_counter() - began, 2)
        history.append({**row, "psnr": training.psnr(state, held_out, masks)})
        print(json.dumps(history[-1]), flush=True)
        _write(output, training, state, history)
        if time.perf_counter() - began > limit_s:
            break


def _write(path: Path, training: Training, state: State, history: list[dict[str, Any]]) -> None:
    names = [variable.path for variable in training.model.trainable_variables]
    arrays: dict[str, Any] = {
        f"weights/{name}": np.asarray(value, np.float16) for name, value in zip(names, state[3], strict=True)
    }
    facts = {"plan": dataclasses.asdict(training.plan), "history": history, "device": str(jax.devices()[0])}
    np.savez(path, **arrays, facts=np.array(json.dumps(facts)))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m studies.gpu.train", description=__doc__)
    parser.add_argument("slices", type=Path, help="what studies.gpu.carry wrote")
    parser.add_argument("--plan", default="paper", help="a file of plans/, without its suffix, or a path")
    parser.add_argument("--set", action="append", default=[], help="change a setting: steps=100")
    parser.add_argument("--output", type=Path, default=Path("trained.npz"))
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds")
    options = parser.parse_args()
    changes = tomllib.loads("\n".join(options.set))
    with np.load(options.slices, allow_pickle=False) as carried:
        train(read_plan(options.plan, changes), dict(carried), options.output, options.limit)


if __name__ == "__main__":
    main()
