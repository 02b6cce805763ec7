"""Goldens of the number codecs: what torch and compressed-tensors make of every boundary between two codes.

codecs.safetensors:
  e4m3.values                        [256], every code as f32 (NaN for 0x7f and 0xff)
  e4m3.x, .codes                     f32 inputs and their codes: each value, each midpoint, their neighbours, random ones
  e2m1.x, .codes                     the same, one code a byte as the packed format numbers them
  bf16.x, .codes                     the same for a sample of f32, specials included; codes as I16
  int4.codes, .packed, .unpacked     int4 matrix [8, 64] in -8 .. 7 and its int32 words, lowest column first
"""

from pathlib import Path

import torch
from compressed_tensors.compressors.nvfp4.helpers import pack_fp4_to_uint8
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32
from compressed_tensors.quantization.quant_args import FP4_E2M1_DATA
from safetensors.torch import save_file


def around(values: torch.Tensor) -> torch.Tensor:
    """The values, the midpoints between them, and the f32 next to each on both sides; with both signs."""
    values = values.sort().values
    points = torch.cat([values, (values[1:] + values[:-1]) / 2])
    infinity = torch.tensor(float("inf"))
    points = torch.cat([points, torch.nextafter(points, infinity), torch.nextafter(points, -infinity)])
    return torch.cat([points, -points])


def e4m3(random: torch.Generator) -> dict:
    codes = torch.arange(256, dtype=torch.uint8)
    values = codes.view(torch.float8_e4m3fn).to(torch.float32)
    finite = values[(codes < 0x7F)]
    noise = torch.randn(512, generator=random)
    x = torch.cat([around(finite), noise, noise * 100, noise * 2**-8])
    x = x[x.abs() <= 448]  # beyond, torch gives NaN where the formats here saturate
    return {"e4m3.values": values, "e4m3.x": x, "e4m3.codes": x.to(torch.float8_e4m3fn).view(torch.uint8)}


def e2m1(random: torch.Generator) -> dict:
    values = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
    x = torch.cat([around(values), 3 * torch.randn(512, generator=random)]).clamp(-6, 6)
    x = x[x != 0]  # what becomes of -0.0 is the quantizer's business
    x = x[: len(x) // 2 * 2][None]
    packed = pack_fp4_to_uint8(FP4_E2M1_DATA.cast_to_fp4(x.clone()))
    codes = torch.stack([packed & 15, packed >> 4], dim=-1).flatten()
    return {"e2m1.x": x[0], "e2m1.codes": codes}


def bf16(random: torch.Generator) -> dict:
    upper = torch.cat([torch.randint(-(2**15), 2**15, (1024,), generator=random),
                       torch.tensor([0, 1, 0x7F, 0x80, 0x7F7F, 0x7F80, 0x3F80, 0x3F81, -(2**15), -0x80, -0x81])])
    lower = torch.tensor([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
    bits = ((upper[:, None] << 16) | lower).flatten().to(torch.int32)
    x = bits.view(torch.float32)
    x = x[~x.isnan()]  # which NaN comes out is nobody's contract
    return {"bf16.x": x, "bf16.codes": x.to(torch.bfloat16).view(torch.int16)}


def int4(random: torch.Generator) -> dict:
    codes = torch.randint(-8, 8, (8, 64), generator=random, dtype=torch.int8)
    codes[0, :16] = torch.arange(-8, 8)
    packed = pack_to_int32(codes, 4)
    unpacked = unpack_from_int32(packed, 4, codes.shape)
    return {"int4.codes": codes, "int4.packed": packed, "int4.unpacked": unpacked}


def main(out_dir: Path) -> None:
    random = torch.Generator().manual_seed(1201)
    tensors = {**e4m3(random), **e2m1(random), **bf16(random), **int4(random)}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, out_dir / "codecs.safetensors")
