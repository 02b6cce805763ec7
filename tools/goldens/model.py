"""Goldens of the text model: transformers' logits, activations and greedy continuations on tiny random checkpoints.

For each form, FORM/model is the checkpoint and FORM/goldens.safetensors holds
  promptK.input_ids, .logits_f32, .logits_bf16      [n], [n, V], [n, V]
  hidden.*, sub.layerNN.*                           the activations of one prompt, f32
  greedyK.ids, .margin, .top1_logit, .second_ids    a continuation with EOS disabled
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Gemma4ForConditionalGeneration

from goldens import tiny

SEEDS = {"text-e4b-like": 1101, "text-e2b-like": 1102, "text-26b-a4b-like": 1103, "text-31b-like": 1104}
PROMPT_LENGTHS = (1, 9, 25)
OBSERVED_PROMPT = 1
GREEDY_STEPS = 32
SUBMODULES = ("input_layernorm", "mlp", "per_layer_input_gate", "per_layer_projection", "post_feedforward_layernorm",
              "experts", "self_attn.k_norm", "self_attn.o_proj", "self_attn.q_norm", "self_attn.v_norm")


def load(folder: Path, dtype: torch.dtype):
    return Gemma4ForConditionalGeneration.from_pretrained(folder, dtype=dtype).eval()


@torch.no_grad()
def logits(model, ids: torch.Tensor) -> torch.Tensor:
    return model(input_ids=ids[None]).logits[0]


class Observer:
    """Copies what the text model's modules return during one forward pass."""

    def __init__(self, model, n_layers: int, observed_layers: set[int]):
        self.found = {}
        self.hooks = []
        text = model.model.language_model
        self.wrap(text, "get_per_layer_inputs", "hidden.ple_token")
        self.wrap(text, "project_per_layer_inputs", "hidden.ple")
        self.watch(text.embed_tokens, "hidden.embed")
        self.watch(text.norm, "hidden.norm")
        for i in range(n_layers):
            self.watch(text.layers[i], f"hidden.layer{i:02}")
        for i in observed_layers:
            modules = dict(text.layers[i].named_modules())
            for name in SUBMODULES:
                if name in modules:
                    self.watch(modules[name], f"sub.layer{i:02}.{name}")
            if "router" in modules:
                self.watch_router(modules["router"], f"sub.layer{i:02}.router")

    def keep(self, name: str, value: torch.Tensor) -> None:
        # The batch of one goes; experts see flat rows and have none.
        value = value.detach().clone()
        self.found[name] = (value[0] if value.dim() > 2 and value.shape[0] == 1 else value).contiguous()

    def watch(self, module, name: str) -> None:
        self.hooks.append(module.register_forward_hook(lambda _, __, output: self.keep(name, output)))

    def watch_router(self, module, name: str) -> None:
        def hook(_, __, output):
            for part, value in zip(("probs", "top_k_weights", "top_k_index"), output):
                self.found[f"{name}.{part}"] = value.detach().clone().contiguous()

        self.hooks.append(module.register_forward_hook(hook))

    def wrap(self, owner, method: str, name: str) -> None:
        original = getattr(owner, method)

        def observed(*arguments, **keywords):
            result = original(*arguments, **keywords)
            self.keep(name, result)
            return result

        setattr(owner, method, observed)


@torch.no_grad()
def greedy(model, ids: torch.Tensor, n_steps: int) -> dict[str, torch.Tensor]:
    """The whole text is run again for every step: no cache of the reference is trusted."""
    rows = []
    for _ in range(n_steps):
        last = logits(model, ids)[-1]
        values, best = last.topk(2)
        rows.append((best[0], values[0] - values[1], values[0], best[1]))
        ids = torch.cat([ids, best[:1]])
    chosen, margin, top, second = zip(*rows)
    return {"ids": torch.stack(chosen), "margin": torch.stack(margin), "top1_logit": torch.stack(top),
            "second_ids": torch.stack(second)}


def observed_layers(text: dict) -> set[int]:
    """The first layer, the first full one, the first that shares KV, the last."""
    n_layers = text["num_hidden_layers"]
    first_full = text["layer_types"].index(tiny.FULL)
    first_shared = min(n_layers - text["num_kv_shared_layers"], n_layers - 1)
    return {0, first_full, first_shared, n_layers - 1}


def text_goldens(form: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    text = tiny.write(form, SEEDS[form], folder / "model")["text_config"]
    model, rounded = load(folder / "model", torch.float32), load(folder / "model", torch.bfloat16)
    random = torch.Generator().manual_seed(SEEDS[form] + 1)
    tensors = {}
    for k, length in enumerate(PROMPT_LENGTHS):
        # Neither control ids nor the media placeholders at the end of the vocabulary.
        ids = torch.randint(3, text["vocab_size"] - 12, (length,), generator=random)
        ids[0] = 2
        tensors[f"prompt{k}.input_ids"] = ids
        tensors[f"prompt{k}.logits_f32"] = logits(model, ids)
        tensors[f"prompt{k}.logits_bf16"] = logits(rounded, ids)
    greedy_prompt = OBSERVED_PROMPT
    for name, value in greedy(model, tensors[f"prompt{greedy_prompt}.input_ids"], GREEDY_STEPS).items():
        tensors[f"greedy{greedy_prompt}.{name}"] = value
    observer = Observer(model, text["num_hidden_layers"], observed_layers(text))
    logits(model, tensors[f"prompt{OBSERVED_PROMPT}.input_ids"])
    tensors.update(observer.found)
    tensors = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, folder / "goldens.safetensors")


def main(out_dir: Path) -> None:
    torch.set_num_threads(1)
    for form in SEEDS:
        text_goldens(form, out_dir / "model" / form)
