"""Writes train/tests/fixtures/schedules.json: the learning rate at each of 60 steps, by PyTorch's schedulers.

Every schedule appears twice: over all steps, and (`warmup10_...`) after ten steps of linear warm-up, where it starts at
its own step 0 and covers the remaining steps.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, LRScheduler, MultiStepLR, StepLR

FIXTURE = Path(__file__).resolve().parent.parent / "train/tests/fixtures/schedules.json"
BASE_LR, STEPS, WARMUP = 0.1, 60, 10

# Maps an optimizer and its number of steps to a scheduler.
SCHEDULES: dict[str, Callable[[SGD, int], LRScheduler]] = {
    "constant": lambda o, steps: ConstantLR(o, factor=1.0, total_iters=steps),
    "step_size20_gamma0.1": lambda o, steps: StepLR(o, step_size=20, gamma=0.1),
    "multi_step_milestones10_35_gamma0.1": lambda o, steps: MultiStepLR(o, milestones=[10, 35], gamma=0.1),
    "cosine_min0": lambda o, steps: CosineAnnealingLR(o, T_max=steps, eta_min=0.0),
    "cosine_min0.01": lambda o, steps: CosineAnnealingLR(o, T_max=steps, eta_min=0.01),
    "linear_to_0": lambda o, steps: LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=steps),
}


def rates(make_scheduler: Callable[[SGD, int], LRScheduler], steps: int) -> list[float]:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE_LR)
    scheduler = make_scheduler(optimizer, steps)
    out = []
    for _ in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return out


def main() -> None:
    warmup = [BASE_LR * (i + 1) / WARMUP for i in range(WARMUP)]
    lrs = {}
    for name, make_scheduler in SCHEDULES.items():
        lrs[name] = rates(make_scheduler, STEPS)
        lrs[f"warmup10_{name}"] = warmup + rates(make_scheduler, STEPS - WARMUP)
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    out = {"base_lr": BASE_LR, "steps": STEPS, "warmup_steps": WARMUP, "lrs": lrs}
    FIXTURE.write_text(json.dumps(out, indent=1) + "\n")
    print(f"{FIXTURE.name}: {len(lrs)} schedules, {FIXTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
