"""The small CNN of the article that this project turns into a working system: `model-cnn`'s `SimpleCnn` in PyTorch."""

from torch import Tensor, nn
from torch.nn import functional as F


class SimpleCnn(nn.Module):
    """Two 3x3 convolutions, each with a ReLU and a 2x2 max-pool, then two linear layers.

    The defaults are the article's; the golden scripts pass thinner ones to keep their fixtures small.
    """

    def __init__(
        self,
        channels: tuple[int, int] = (32, 64),
        hidden: int = 128,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 24,
    ):
        super().__init__()
        c1, c2 = channels
        side = image_size // 2 // 2  # two pools, each halves and rounds down
        self.conv1 = nn.Conv2d(in_channels, c1, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(c1, c2, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(c2 * side * side, hidden)
        self.fc2 = nn.Linear(hidden, num_classes)

    def forward_features(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, c2, H/4, W/4]"""
        x = F.max_pool2d(F.relu(self.conv1(images)), 2)
        return F.max_pool2d(F.relu(self.conv2(x)), 2)

    def forward_head(self, features: Tensor) -> Tensor:
        """[B, c2, H/4, W/4] -> [B, num_classes]"""
        return self.fc2(F.relu(self.fc1(features.flatten(1))))

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, num_classes]"""
        return self.forward_head(self.forward_features(images))


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Parameter groups with weight decay on weights (two or more dimensions) and none on biases."""
    params = list(model.parameters())
    return [
        {"params": [p for p in params if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
    ]
