"""What `nibble quantize` writes, read by the safetensors library and compared with llm-compressor's own output."""

import json
import struct

import pytest
from conftest import exact_input_scales, label, quantize, quantized_goldens, raw_tensors

CASES = [pytest.param(folder, scheme, id=f"{label(folder)}-{scheme}") for folder, scheme in quantized_goldens()]


@pytest.mark.parametrize("golden, scheme", CASES)
def test_every_tensor_is_llm_compressors(nibble, golden, scheme, tmp_path):
    ours = raw_tensors(quantize(nibble, golden, scheme, tmp_path / "out"))
    theirs = raw_tensors(golden / scheme)
    assert sorted(ours) == sorted(theirs)
    exact = exact_input_scales(golden)
    for name, tensor in theirs.items():
        assert (ours[name]["dtype"], ours[name]["shape"]) == (tensor["dtype"], tensor["shape"]), name
        if name.endswith(".input_global_scale"):
            # It comes out of a BF16 forward pass: ours may be as near to the f32 one as theirs is, on its other side.
            found, expected = (struct.unpack("<f", t["data"])[0] for t in (ours[name], tensor))
            bounds = (expected, exact.get(name, expected))
            assert 0.98 * min(bounds) <= found <= 1.02 * max(bounds), name
        else:
            assert ours[name]["data"] == tensor["data"], name


@pytest.mark.parametrize("golden, scheme", CASES)
def test_quantization_config_means_what_llm_compressors_means(nibble, golden, scheme, tmp_path):
    out = quantize(nibble, golden, scheme, tmp_path / "out")
    ours, theirs = (json.loads((folder / "config.json").read_text())["quantization_config"]
                    for folder in (out, golden / scheme))
    assert ours["quant_method"] == theirs["quant_method"]
    assert ours["format"] == theirs["format"]
    assert sorted(ours["ignore"]) == sorted(theirs["ignore"])
    (our_group,), (their_group,) = ours["config_groups"].values(), theirs["config_groups"].values()
    assert our_group["targets"] == their_group["targets"]
    for part in ("weights", "input_activations"):
        found, expected = our_group.get(part) or {}, their_group.get(part) or {}
        for key, value in expected.items():
            if value is not None and key != "observer_kwargs":
                assert found.get(key) == value, f"{part}.{key}"


def test_the_rest_of_the_directory_comes_along(nibble, tmp_path):
    golden, scheme = quantized_goldens()[0]
    out = quantize(nibble, golden, scheme, tmp_path / "out")
    assert {"config.json", "generation_config.json", "recipe.yaml"} <= {path.name for path in out.iterdir()}
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing temporary is left beside the output"
