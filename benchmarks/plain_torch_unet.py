"""UNetSR in PyTorch, as one would write it there. Used by plain_torch.py where models.py asks for it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(maps, maps, 3, padding=1) for _ in range(2))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> the same."""
        return inputs + self.second(torch.relu(self.first(inputs)))


class Grid(nn.Module):
    """Residual blocks on one grid, and the coarser grids between them."""

    def __init__(self, filters: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        self.down = nn.Sequential(*(Residual(filters[0]) for _ in range(blocks[0])))
        self.coarser = None
        if len(filters) > 1:
            self.halve = nn.Conv2d(filters[0], filters[1], 2, stride=2, bias=False)
            self.coarser = Grid(filters[1:], blocks[1:])
            self.enlarge = nn.ConvTranspose2d(filters[1], filters[0], 2, stride=2, bias=False)
            self.up = nn.Sequential(*(Residual(filters[0]) for _ in range(blocks[0])))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] -> the same."""
        fine = self.down(maps)
        if self.coarser is None:
            return fine
        return self.up(fine + self.enlarge(self.coarser(self.halve(fine))))


class UNetSR(nn.Module):
    """At scale 2; images with even sides, and `views` passes, as many as a self-ensemble takes."""

    def __init__(self, filters: Sequence[int], blocks: Sequence[int], channels: int, views: int = 1) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, filters[0], 3, padding=1)
        self.grids = Grid(filters, blocks)
        self.trunk = nn.Conv2d(filters[0], filters[0], 3, padding=1)
        self.samples = nn.Conv2d(filters[0], 4, 3, padding=1)
        self.views = views

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        """[N, C, h, w] -> [N, 1, 2h, 2w]."""
        results = [self._once(lr) for _ in range(self.views)]
        return torch.stack(results).mean(0)

    def _once(self, lr: torch.Tensor) -> torch.Tensor:
        stem = self.stem(lr)
        residual = nn.functional.pixel_shuffle(self.samples(stem + self.trunk(self.grids(stem))), 2)
        return residual + nn.functional.interpolate(lr[:, :1], scale_factor=2, mode="bicubic")
