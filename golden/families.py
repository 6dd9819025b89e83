"""Thin members of every family in `model-cnn`, built from torchvision's blocks and forward methods.

torchvision fixes the widths in its constructors; here they are arguments, and everything else is inherited. The CIFAR
networks are not in torchvision: they follow section 4.2 of He et al. 2015, with the names of the widely used port.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.alexnet import AlexNet as FullAlexNet
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.convnext import ConvNeXt as FullConvNeXt
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.resnet import ResNet as FullResNet
from torchvision.models.squeezenet import Fire
from torchvision.models.squeezenet import SqueezeNet as FullSqueezeNet
from torchvision.models.vgg import VGG as FullVgg
from torchvision.models.vgg import make_layers


class ResNet(FullResNet):
    def __init__(self, block, layers, width, groups=1, width_per_group=64, num_classes=5, in_channels=3):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation = nn.BatchNorm2d, width, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, width, layers[0])
        self.layer2 = self._make_layer(block, width * 2, layers[1], stride=2)
        self.layer3 = self._make_layer(block, width * 4, layers[2], stride=2)
        self.layer4 = self._make_layer(block, width * 8, layers[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width * 8 * block.expansion, num_classes)


class Vgg(FullVgg):
    def __init__(self, stages, width, hidden, batch_norm, num_classes=5):
        nn.Module.__init__(self)
        layout = []
        for stage, convolutions in enumerate(stages):
            layout += [width << min(stage, 3)] * convolutions + ["M"]
        self.features = make_layers(layout, batch_norm)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(width * 8 * 49, hidden), nn.ReLU(), nn.Dropout(0.0),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.0),
            nn.Linear(hidden, num_classes),
        )  # fmt: skip


class AlexNet(FullAlexNet):
    def __init__(self, channels, hidden, num_classes=5):
        nn.Module.__init__(self)
        c1, c2, c3, c4, c5 = channels
        self.features = nn.Sequential(
            nn.Conv2d(3, c1, kernel_size=11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(c1, c2, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(c2, c3, kernel_size=3, padding=1), nn.ReLU(),
            nn.Conv2d(c3, c4, kernel_size=3, padding=1), nn.ReLU(),
            nn.Conv2d(c4, c5, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(0.0), nn.Linear(c5 * 36, hidden), nn.ReLU(),
            nn.Dropout(0.0), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, num_classes),
        )  # fmt: skip


class SqueezeNet(FullSqueezeNet):
    """torchvision's SqueezeNet with the channels of the stem and of every fire module scaled by `width` / 16."""

    def __init__(self, version, width, num_classes=5):
        super().__init__(version, num_classes, dropout=0.0)
        channels = 3
        for index, layer in enumerate(self.features):
            if isinstance(layer, nn.Conv2d):
                out = layer.out_channels * width // 16
                self.features[index] = nn.Conv2d(channels, out, layer.kernel_size, layer.stride)
                channels = out
            elif isinstance(layer, Fire):
                squeeze = layer.squeeze.out_channels * width // 16
                self.features[index] = Fire(channels, squeeze, 4 * squeeze, 4 * squeeze)
                channels = 8 * squeeze
        self.classifier[1] = nn.Conv2d(channels, num_classes, kernel_size=1)


def ConvNeXt(layers, width, layer_scale, num_classes=5):
    widths = [width << stage for stage in range(4)] + [None]
    setting = [CNBlockConfig(widths[i], widths[i + 1], n) for i, n in enumerate(layers)]
    return FullConvNeXt(setting, 0.0, layer_scale, num_classes)


class CifarBlock(nn.Module):
    def __init__(self, in_planes: int, planes: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.stride, self.missing = stride, planes - in_planes

    def forward(self, x: Tensor) -> Tensor:
        branch = F.relu(self.bn1(self.conv1(x)))
        branch = self.bn2(self.conv2(branch))
        if self.stride != 1:
            half = self.missing // 2
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half))
        return F.relu(branch + x)


class CifarResNet(nn.Module):
    def __init__(self, layers, width=16, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self.layer(layers[0], width, width, 1)
        self.layer2 = self.layer(layers[1], width, width * 2, 2)
        self.layer3 = self.layer(layers[2], width * 2, width * 4, 2)
        self.linear = nn.Linear(width * 4, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    @staticmethod
    def layer(blocks: int, in_planes: int, planes: int, stride: int) -> nn.Sequential:
        rest = [CifarBlock(planes, planes, 1) for _ in range(blocks - 1)]
        return nn.Sequential(CifarBlock(in_planes, planes, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(torch.mean(x, dim=(2, 3)))


# Name, model, height and width of the input. Odd sizes exercise the rounding of strides and pools.
THIN = {
    "alexnet": (lambda: AlexNet((3, 4, 6, 4, 4), 8), (67, 79)),
    "cifar_resnet": (lambda: CifarResNet((2, 1, 1), 4, num_classes=5), (13, 16)),
    "convnext": (lambda: ConvNeXt((1, 1, 1, 1), 4, 0.5), (64, 70)),
    "resnet_basic": (lambda: ResNet(BasicBlock, (1, 2, 1, 1), 2), (45, 64)),
    "resnet_bottleneck": (lambda: ResNet(Bottleneck, (1, 2, 1, 1), 2, groups=2, width_per_group=32), (45, 64)),
    "squeezenet1_0": (lambda: SqueezeNet("1_0", 2), (45, 50)),
    "squeezenet1_1": (lambda: SqueezeNet("1_1", 2), (45, 50)),
    "vgg": (lambda: Vgg((1, 1, 2, 1, 1), 2, 8, batch_norm=False), (37, 70)),
    "vgg_bn": (lambda: Vgg((1, 1, 2, 1, 1), 2, 8, batch_norm=True), (37, 70)),
}
