"""NVFP4 rounding of a weight as the NVFP4A16 recipe stores it, with a straight-through gradient for training."""
import torch

LEVELS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
MIDPOINTS = (0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)
QUANTIZED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "per_layer_input_gate",
             "per_layer_projection", "per_layer_model_projection")


def round_to_nvfp4(weight):
    blocks = weight.detach().float().reshape(-1, 16)
    largest = blocks.abs().amax(dim=1, keepdim=True)
    global_scale = 2688.0 / largest.max().clamp(min=1e-30)
    scale = (global_scale * largest / 6.0).clamp(max=448.0).to(torch.float8_e4m3fn).float()
    step = scale.masked_fill(scale == 0, 0.125) / global_scale
    scaled = (blocks / step).clamp(-6.0, 6.0)
    magnitude = scaled.abs()
    levels = sum((magnitude > edge) * (high - low) for edge, low, high in zip(MIDPOINTS, LEVELS, LEVELS[1:]))
    return (levels * scaled.sign() * step).reshape(weight.shape)


class Rounding:
    """Replaces the forward of every quantized linear; `active` turns the rounding on."""

    def __init__(self, model):
        self.active = False
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and name.rsplit(".", 1)[-1] in QUANTIZED:
                module.forward = self._forward(module)

    def _forward(self, module):
        def forward(x):
            weight = module.weight
            if self.active:
                weight = weight + (round_to_nvfp4(weight) - weight).detach()
            return torch.nn.functional.linear(x, weight)
        return forward
