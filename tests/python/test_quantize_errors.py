"""What `nibble quantize` refuses: one line that says what, where and what to do; exit 1; and nothing is left or lost."""

import json
import os
import shutil
import subprocess

import numpy
import pytest
from conftest import GOLDENS
from safetensors.numpy import save_file

SOURCE = GOLDENS / "model" / "mm-e4b-like" / "model"
WEIGHT = "model.language_model.layers.1.mlp.down_proj.weight"


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(SOURCE, folder)
    return folder


def change(model, name, edit):
    """Edits one tensor's BF16 bits, which numpy knows only as bytes."""
    path = model / "model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    begin, end = (8 + length + offset for offset in json.loads(content[8:8 + length])[name]["data_offsets"])
    bits = numpy.frombuffer(content[begin:end], numpy.uint16).copy()
    edit(bits)
    path.write_bytes(content[:begin] + bits.tobytes() + content[end:])


def refused(nibble, model, out, *options, status=1):
    before = sorted(path.name for path in out.parent.iterdir())
    result = nibble("quantize", model, "--output", out, *options)
    assert result.returncode == status, result.stderr
    message = [line for line in result.stderr.splitlines() if line.startswith("nibble: ")]
    assert len(message) == 1, result.stderr
    assert sorted(path.name for path in out.parent.iterdir()) == before, "something was left behind"
    return message[0].removeprefix("nibble: ").replace(str(out.parent), "DIR")


@pytest.mark.parametrize("bits, word", [(0x7fc0, "not a number"), (0x7f80, "infinite"), (0xff80, "infinite")])
@pytest.mark.parametrize("scheme", ["NVFP4A16", "FP8_DYNAMIC"])
def test_weights_that_are_no_numbers(nibble, model, tmp_path, bits, word, scheme):
    columns = json.loads((model / "config.json").read_text())["text_config"]["intermediate_size"]
    change(model, WEIGHT, lambda values: values.__setitem__(2 * columns + 5, bits))
    assert refused(nibble, model, tmp_path / "out", "--scheme", scheme) == (
        f"DIR/model: tensor '{WEIGHT}': the value at row 2, column 5 is {word} (the checkpoint is damaged)")


def test_an_output_that_holds_something(nibble, model, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    assert refused(nibble, model, out, "--scheme", "NVFP4A16") == "DIR/out: exists and is not empty (--force replaces it)"
    assert refused(nibble, model, out, "--scheme", "NVFP4A16", "--force") == (
        "DIR/out: exists and holds no model (no config.json), so --force does not replace it")
    assert (out / "precious.txt").read_text() == "mine"


def test_force_replaces_an_earlier_output(nibble, model, tmp_path):
    out = tmp_path / "out"
    nibble.succeed("quantize", model, "--scheme", "FP8_DYNAMIC", "--output", out)
    nibble.succeed("quantize", model, "--scheme", "NVFP4A16", "--output", out, "--force")
    assert json.loads((out / "config.json").read_text())["quantization_config"]["format"] == "nvfp4-pack-quantized"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "out"]


def test_places_that_cannot_be_written(nibble, model, tmp_path):
    (tmp_path / "file").write_text("")
    assert refused(nibble, model, tmp_path / "file", "--scheme", "NVFP4A16") == "DIR/file: exists and is not a directory"
    result = nibble("quantize", model, "--scheme", "NVFP4A16", "--output", tmp_path / "none" / "out")
    assert result.returncode == 1
    assert result.stderr == f"nibble: {tmp_path}/none/out: the directory {tmp_path}/none does not exist\n"
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert refused(nibble, model, tmp_path / "link", "--scheme", "NVFP4A16") == (
        "DIR/link: is a symbolic link (name the directory itself)")


def test_what_is_quantized_already(nibble, model, tmp_path):
    nibble.succeed("quantize", model, "--scheme", "NVFP4A16", "--output", tmp_path / "once")
    assert refused(nibble, tmp_path / "once", tmp_path / "out", "--scheme", "NVFP4A16") == "DIR/once: is already quantized"


def test_a_width_that_has_no_blocks(nibble, model, tmp_path):
    tensors = load_file_bf16(model)
    name = "model.language_model.layers.0.per_layer_input_gate.weight"
    rows, columns = tensors[name].shape
    assert columns % 16 == 0
    save_bf16(model, tensors | {name: tensors[name][:, :-8]})
    message = refused(nibble, model, tmp_path / "out", "--scheme", "NVFP4A16")
    assert "per_layer_input_gate" in message and "multiple of 16 columns" in message


def load_file_bf16(model):
    content = (model / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(content[8 + length + info["data_offsets"][0]:8 + length + info["data_offsets"][1]],
                                   numpy.uint16).reshape(info["shape"]) for name, info in header.items()}


def save_bf16(model, tensors):
    """Through the library as U16, whose name in the header is then changed to the type that numpy does not have."""
    path = model / "model.safetensors"
    save_file({name: numpy.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.dumps({name: {**info, "dtype": "BF16"} for name, info in json.loads(content[8:8 + length]).items()}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length:])


def test_missing_pieces(nibble, model, tmp_path):
    out = tmp_path / "out"
    assert refused(nibble, tmp_path / "nothing", out, "--scheme", "NVFP4A16").startswith("DIR/nothing")
    (model / "config.json").unlink()
    assert "config.json" in refused(nibble, model, out, "--scheme", "NVFP4A16")


def test_wrong_words(nibble, model, tmp_path):
    out = tmp_path / "out"
    assert refused(nibble, model, out, "--scheme", "W4A16", status=2) == (
        "scheme 'W4A16': expected NVFP4A16, NVFP4 or FP8_DYNAMIC")
    assert refused(nibble, model, out, status=2) == "quantize needs --scheme or --recipe"
    (tmp_path / "recipe.yaml").write_text("AWQModifier: {scheme: W4A16}")
    assert refused(nibble, model, out, "--recipe", tmp_path / "recipe.yaml") == (
        "DIR/recipe.yaml: AWQModifier is not supported, only QuantizationModifier is")


@pytest.mark.parametrize("line, message", [
    ("{", "not valid JSON"),
    ('{"input_ids": "x"}', '"input_ids": expected a list of token ids'),
    ('{"input_ids": [-1]}', '"input_ids": expected token ids, found -1'),
    ('{"input_ids": []}', "holds no token"),
    ('{"prompt": "x"}', "expected {\"input_ids\": [...]}"),
])
def test_calibration_that_is_none(nibble, model, tmp_path, line, message):
    (tmp_path / "c.jsonl").write_text('{"input_ids": [2, 5, 9]}\n' + line + "\n")
    found = refused(nibble, model, tmp_path / "out", "--scheme", "NVFP4", "--calibration", tmp_path / "c.jsonl")
    assert found.startswith("DIR/c.jsonl: line 2: ") and message in found


def test_calibration_by_conversations_needs_a_template(nibble, model, tmp_path):
    (tmp_path / "c.jsonl").write_text('{"messages": [{"role": "user", "content": "x"}]}\n')
    found = refused(nibble, model, tmp_path / "out", "--scheme", "NVFP4", "--calibration", tmp_path / "c.jsonl")
    assert found.startswith("DIR/model: has no chat template")


def test_calibration_outside_the_vocabulary(nibble, model, tmp_path):
    (tmp_path / "c.jsonl").write_text('{"input_ids": [2, 1000000]}\n')
    found = refused(nibble, model, tmp_path / "out", "--scheme", "NVFP4", "--calibration", tmp_path / "c.jsonl")
    assert "token id 1000000 is outside the vocabulary" in found


def test_a_full_disk(nibble, model, tmp_path):
    """On a file system of 64 KiB of its own; a user without the right to mount one skips this."""
    small = tmp_path / "small"
    small.mkdir()
    inside = f"mount -t tmpfs -o size=64k none {small} && {' '.join(nibble.command('quantize', model))} " \
             f"--scheme NVFP4A16 --output {small}/out; status=$?; ls -A {small}; exit $status"
    unshare = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    if subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", small], capture_output=True).returncode != 0:
        pytest.skip("may not mount a tmpfs here")
    result = subprocess.run([*unshare, "sh", "-c", inside], capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    assert "No space left on device" in result.stderr and result.stderr.count("nibble: ") == 1
    assert result.stdout == "", "the partial output was not removed"


def test_a_pattern_leaves_modules_alone(nibble, model, tmp_path):
    out = tmp_path / "out"
    nibble.succeed("quantize", model, "--scheme", "NVFP4A16", "--output", out, "--ignore", r"re:.*layers\.0\.mlp\..*")
    names = set(json.loads((out / "config.json").read_text())["quantization_config"]["ignore"])
    assert {f"model.language_model.layers.0.mlp.{leaf}_proj" for leaf in ("gate", "up", "down")} <= names
