"""The paper's network in PyTorch, as its papers draw it and as public ports write it. Run by network.py.

Command: python benchmarks/plain_torch.py inference float32 contiguous --shape 1 64 64     (where torch is)
Prints one JSON line. network.py tries every way and memory format; the fastest one counts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
from plain_torch_unet import UNetSR
from stopwatch import measure, peak_rss_mib
from torch import nn

GROWTH, LAYERS, BLOCKS, WIDTH, BOTTLENECK = 16, 8, 8, 128, 256
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class DenseBlock(nn.Module):
    """Eight convolutions, each reading the block's input and all earlier ones."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs + GROWTH * layer, GROWTH, 3, padding=1) for layer in range(LAYERS)
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> [N, 128, H, W]."""
        maps = [inputs]
        for convolution in self.convolutions:
            maps.append(torch.relu(convolution(torch.cat(maps, 1))))
        return torch.cat(maps[1:], 1)


class SRDenseNetAll(nn.Module):
    """SRDenseNet_All at scale 2, 6,714,369 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(DenseBlock(WIDTH * (block + 1)) for block in range(BLOCKS))
        self.bottleneck = nn.Conv2d(WIDTH * (BLOCKS + 1), BOTTLENECK, 1)
        self.deconvolution = nn.ConvTranspose2d(
            BOTTLENECK, BOTTLENECK, 3, stride=2, padding=1, output_padding=1
        )
        self.reconstruction = nn.Conv2d(BOTTLENECK, 1, 3, padding=1)

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        """[N, 1, h, w] -> [N, 1, 2h, 2w]."""
        levels = [torch.relu(self.stem(lr))]
        for block in self.blocks:
            levels.append(block(torch.cat(levels, 1)))
        maps = torch.relu(self.bottleneck(torch.cat(levels, 1)))
        return self.reconstruction(torch.relu(self.deconvolution(maps)))


def inference(
    shape: tuple[int, ...], memory: torch.memory_format, way: str, build: Callable[[], nn.Module]
) -> Callable[[], object]:
    """Slices through the network; `way` is float32, converted or autocast."""
    model, lr = build().eval().to(memory_format=memory), torch.rand(shape).to(memory_format=memory)
    if way == "converted":
        model, lr = model.bfloat16(), lr.bfloat16()

    def step() -> object:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
            return model(lr)

    return step


def training(
    shape: tuple[int, ...], memory: torch.memory_format, way: str, build: Callable[[], nn.Module]
) -> Callable[[], object]:
    """One step of Adam on the mean squared error; `way` is float32 or autocast."""
    model, lr = build().to(memory_format=memory), torch.rand(shape).to(memory_format=memory)
    hr = torch.rand(*shape[:2], 2 * shape[2], 2 * shape[3])
    optimizer = torch.optim.Adam(model.parameters())

    def step() -> object:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
            sr = model(lr)
        loss = torch.nn.functional.mse_loss(sr.float(), hr)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def matmul_rate(way: str) -> float:
    """GFLOP/s of a 2048 x 2048 product in the type of number that the way computes in."""
    matrix = torch.rand(2048, 2048).to(torch.float32 if way == "float32" else torch.bfloat16)
    return 2 * 2048**3 / measure(lambda: matrix @ matrix).seconds / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=["inference", "training"])
    parser.add_argument("way", choices=["float32", "autocast", "converted"])
    parser.add_argument("memory", choices=FORMATS)
    parser.add_argument("--shape", type=int, nargs=3, required=True, help="batch, rows, columns of LR images")
    parser.add_argument("--network", type=json.loads, default={}, help="settings of a UNetSR, as JSON")
    arguments = parser.parse_args()
    settings = arguments.network
    channels = 2 if settings.get("noise_level") else 1
    batch, rows, columns = arguments.shape

    def build() -> nn.Module:
        if "filters" not in settings:
            return SRDenseNetAll()
        views = 8 if "of" in settings else 1
        return UNetSR(settings["filters"], settings["blocks"], channels, views)

    work = inference if arguments.work == "inference" else training
    shape = (batch, channels, rows, columns)
    timing = measure(work(shape, FORMATS[arguments.memory], arguments.way, build))
    result = {
        "parameters": sum(parameter.numel() for parameter in build().parameters()),
        "version": torch.__version__,
        "way": f"{arguments.way}, {arguments.memory}",
        "seconds": timing.seconds,
        "cpu_seconds": timing.cpu_seconds,
        "added_mib": timing.added_mib,
        "peak_rss_mib": peak_rss_mib(),
        "matmul_gflops": matmul_rate(arguments.way),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
