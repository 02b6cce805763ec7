"""Trains Nibble's demo model: exactly Gemma 4 E4B's architecture at a five-hundredth of its size, on generated tasks.

    python tools/train_demo.py OUT                     train, evaluate and write OUT (about two hours on two CPU cores)
    python tools/train_demo.py OUT --device cuda       the same in minutes
    python tools/train_demo.py OUT --start FROM        go on from the weights in FROM
    python tools/train_demo.py OUT --evaluate          only evaluate what is in OUT
"""
import argparse
import collections
import itertools
import json
import math
import multiprocessing
import os
import random
import shutil
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import Gemma4ForCausalLM, Gemma4TextConfig

from demo import chat, tasks, tokenizer as tokenizers_
from demo.evaluate import evaluate
from demo.quantized import Rounding

SEED = 4
PREFIX = "model.language_model."


def text_config(n_vocab):
    """E4B in small: five sliding layers to a full one, PLE, both head sizes, half of the layers share KV, tied head."""
    return {
        "model_type": "gemma4_text", "vocab_size": n_vocab, "vocab_size_per_layer_input": n_vocab, "hidden_size": 192,
        "intermediate_size": 512, "num_hidden_layers": 12, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 64, "global_head_dim": 128, "num_global_key_value_heads": None, "attention_k_eq_v": False,
        "hidden_size_per_layer_input": 32, "num_kv_shared_layers": 6, "sliding_window": 64,
        "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 2, "max_position_embeddings": 4096,
        "hidden_activation": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6, "final_logit_softcapping": 30.0,
        "attention_bias": False, "attention_dropout": 0.0, "enable_moe_block": False, "use_double_wide_mlp": False,
        "num_experts": None, "top_k_experts": None, "moe_intermediate_size": None, "tie_word_embeddings": True,
        "use_bidirectional_attention": None, "use_cache": True, "initializer_range": 0.02, "dtype": "bfloat16",
        "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0}}}


def build_model(n_vocab):
    config = Gemma4TextConfig(**{k: v for k, v in text_config(n_vocab).items() if k != "dtype"})
    config._attn_implementation = "sdpa"
    torch.manual_seed(SEED)
    return Gemma4ForCausalLM(config).float()


def encode(tokenizer, messages, tools, answer):
    prompt = tokenizer.encode(chat.prompt(messages, tools), add_special_tokens=False).ids
    target = tokenizer.encode(answer + "<turn|>", add_special_tokens=False).ids
    return prompt, target


LENGTHS = [48, 64, 80, 96, 112, 128, 160, 192, 256]  # a batch is padded to one of these
POOL = 4096                                           # samples drawn, sorted by length and cut into batches


def sample_pool(seed, tokenizer):
    rng = random.Random(seed)
    return [encode(tokenizer, *tasks.training_sample(rng)[1:]) for _ in range(POOL)]


def batches_of(pool, tokens_per_batch, rng):
    """(ids, labels, weights) of samples that fit one length. Only answers count; a token of a long answer counts less,
    so that counting to fifty does not drown a five-token answer."""
    by_length = {length: [] for length in LENGTHS}
    for prompt, target in pool:
        length = next((n for n in LENGTHS if n >= len(prompt) + len(target)), None)
        if length is not None:
            by_length[length].append((prompt, target))
    groups = []
    for length, samples in by_length.items():
        rows = max(1, tokens_per_batch // length)
        groups += [(length, rows, samples[i:i + rows]) for i in range(0, len(samples), rows)]
    rng.shuffle(groups)
    for length, rows, group in groups:
        ids, labels = torch.zeros(rows, length, dtype=torch.long), torch.zeros(rows, length, dtype=torch.long)
        weights = torch.zeros(rows, length)
        for i, (prompt, target) in enumerate(group):
            begin, end = len(prompt), len(prompt) + len(target)
            ids[i, :end] = torch.tensor(prompt + target)
            labels[i, begin - 1:end - 1] = torch.tensor(target)
            weights[i, begin - 1:end - 1] = len(target) ** -0.5
            weights[i, end - 2] = 0.5  # stopping in time is the hard part of counting
        yield ids, labels, weights


def batches(tokenizer, tokens_per_batch):
    """Batches without end, the same whatever the number of worker processes that draw the samples."""
    rng, workers = random.Random(SEED), max(1, (os.cpu_count() or 1) // 2)
    with multiprocessing.Pool(workers) as pool:
        ahead = collections.deque()
        for seed in itertools.count(SEED * 1000000):
            ahead.append(pool.apply_async(sample_pool, (seed, tokenizer)))
            if len(ahead) > workers:
                yield from batches_of(ahead.popleft().get(), tokens_per_batch, rng)


def make_optimizer(model, rate, cuda):
    decayed = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if not (p.ndim == 2 and "embed" not in n)]
    return torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
                             lr=rate, betas=(0.9, 0.95), fused=cuda, capturable=cuda)


def loss_of(model, ids, labels, weights, masks):
    hidden = model.model(input_ids=ids, attention_mask=masks, use_cache=False).last_hidden_state
    logits = 30.0 * torch.tanh(model.lm_head(hidden).float() / 30.0)
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum()


def attention_masks(length, window, device):
    """True where a row may look; right padding needs nothing more than causality."""
    i = torch.arange(length, device=device)
    causal = i[None, :] <= i[:, None]
    sliding = causal & (i[None, :] > i[:, None] - window)
    return {"full_attention": causal[None, None], "sliding_attention": sliding[None, None]}


class Trainer:
    """One optimizer step; on a GPU each batch shape becomes a CUDA graph, since so small a model is all launches."""

    def __init__(self, model, rounding, args):
        self.model, self.rounding, self.device = model, rounding, torch.device(args.device)
        self.cuda = self.device.type == "cuda"
        self.rate = torch.tensor(0.0, device=self.device) if self.cuda else 0.0
        self.optimizer = make_optimizer(model, self.rate, self.cuda)
        self.window = model.config.sliding_window
        self.graphs = {}
        self.graph_memory = torch.cuda.graph_pool_handle() if self.cuda else None  # one graph runs at a time
        if self.cuda:  # sequences are short: the plain kernel is as fast, and a graph can hold it
            torch.backends.cuda.enable_flash_sdp(False)
            torch.backends.cuda.enable_mem_efficient_sdp(False)
            torch.backends.cuda.enable_cudnn_sdp(False)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)

    def compute(self, ids, labels, weights, masks):
        torch._foreach_zero_([p.grad for p in self.model.parameters()])
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.cuda, cache_enabled=False):
            loss = loss_of(self.model, ids, labels, weights, masks)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0, foreach=True)
        self.optimizer.step()
        return loss.detach()

    def capture(self, batch):
        static = [t.to(self.device) for t in batch]
        masks = attention_masks(static[0].shape[1], self.window, self.device)
        torch.cuda.empty_cache()
        self.rate.fill_(1e-12)  # the warm-up must not move the weights; zero would divide by zero
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):
                self.compute(*static, masks)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.graph_memory):
            loss = self.compute(*static, masks)
        return graph, static, masks, loss  # a graph holds addresses, not tensors: the masks must live as long

    def step(self, batch, rate):
        if not self.cuda:
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            return self.compute(*batch, attention_masks(batch[0].shape[1], self.window, self.device))
        key = (batch[0].shape, self.rounding.active)
        if key not in self.graphs:
            self.graphs[key] = self.capture(batch)
        graph, static, _, loss = self.graphs[key]
        for to, source in zip(static, batch):
            to.copy_(source.pin_memory(), non_blocking=True)
        self.rate.fill_(rate)
        graph.replay()
        return loss


def train(model, tokenizer, args):
    model.to(args.device).train()
    rounding = Rounding(model)
    trainer = Trainer(model, rounding, args)
    started, seen, step, recent = time.monotonic(), 0, 0, []
    for batch in batches(tokenizer, args.batch_tokens):
        elapsed = (time.monotonic() - started) / 60
        done = max(seen / args.tokens, elapsed / args.minutes)
        if done >= 1:
            break
        rate = args.learning_rate * min(1.0, (step + 1) / 100) * max(0.01, 0.5 * (1 + math.cos(math.pi * done)))
        # The last third learns to be right in 4 bits as well.
        rounding.active = done > 0.66 and step % 2 == 0
        loss = trainer.step(batch, rate)
        seen, step = seen + batch[0].numel(), step + 1
        if step % 100 == 0:
            recent.append(loss.item())
            if not math.isfinite(recent[-1]):
                raise SystemExit(f"step {step}: the loss is {recent[-1]}")
            if step % 500 == 0:
                write(model, args.out, model.config.vocab_size)
                print(f"step {step} tokens {seen / 1e6:.2f}M loss {sum(recent) / len(recent):.4f} "
                      f"{seen / (time.monotonic() - started):.0f} tok/s", flush=True)
                recent = []
    rounding.active = False
    seconds = time.monotonic() - started
    return {"tokens": seen, "steps": step, "seconds": round(seconds), "tokens_per_second": round(seen / seconds),
            "parameters": sum(p.numel() for p in model.parameters()),
            "device": torch.cuda.get_device_name() if args.device == "cuda" else "cpu"}


def write(model, directory, n_vocab):
    """The released layout: nested names, BF16, and the K and V tensors of KV-shared layers that readers must ignore."""
    config = text_config(n_vocab)
    state = {}
    for name, tensor in list(model.state_dict().items()):
        if name.startswith("model.") and "inv_freq" not in name and "embed_scale" not in name:
            state[PREFIX + name[len("model."):]] = tensor.detach().to(torch.bfloat16).cpu().contiguous()
    for layer in range(config["num_hidden_layers"] - config["num_kv_shared_layers"], config["num_hidden_layers"]):
        full = config["layer_types"][layer] == "full_attention"
        head_dim = config["global_head_dim"] if full else config["head_dim"]
        for which in ("k_proj", "v_proj"):
            state[f"{PREFIX}layers.{layer}.self_attn.{which}.weight"] = torch.zeros(
                config["num_key_value_heads"] * head_dim, config["hidden_size"], dtype=torch.bfloat16)
        state[f"{PREFIX}layers.{layer}.self_attn.k_norm.weight"] = torch.ones(head_dim, dtype=torch.bfloat16)
    save_file(state, directory / "model.safetensors", metadata={"format": "pt"})
    ids = {token: index for index, token in enumerate(tokenizers_.SPECIAL)}
    (directory / "config.json").write_text(json.dumps({
        "architectures": ["Gemma4ForConditionalGeneration"], "model_type": "gemma4", "dtype": "bfloat16",
        "eos_token_id": [1, ids["<turn|>"]], "tie_word_embeddings": True, "initializer_range": 0.02,
        "image_token_id": ids["<|image|>"], "audio_token_id": ids["<|audio|>"], "video_token_id": ids["<|video|>"],
        "boi_token_id": ids["<|image>"], "eoi_token_id": ids["<image|>"], "boa_token_id": ids["<|audio>"],
        "eoa_token_id": ids["<audio|>"], "eoa_token_index": ids["<audio|>"],
        "text_config": config, "vision_config": None, "audio_config": None}, indent=2, sort_keys=True) + "\n")
    (directory / "generation_config.json").write_text(json.dumps({
        "bos_token_id": 2, "do_sample": True, "eos_token_id": [1, ids["<turn|>"]], "pad_token_id": 0, "temperature": 1.0,
        "top_k": 64, "top_p": 0.95}, indent=2) + "\n")
    shutil.copy(chat.SOURCE, directory / "chat_template.jinja")


def load(model, directory):
    state = {name.replace(PREFIX, "model."): tensor.float() for name, tensor in load_file(directory / "model.safetensors").items()}
    missing, _ = model.load_state_dict(state, strict=False)
    assert all("inv_freq" in m or "embed_scale" in m or m == "lm_head.weight" for m in missing), missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tokens", type=float, default=14e6, help="training tokens, padding included")
    parser.add_argument("--minutes", type=float, default=120, help="stop there whatever is left")
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--samples", type=int, default=200, help="held-out prompts a task")
    parser.add_argument("--start", type=Path, help="a directory that this tool wrote: go on from its weights")
    parser.add_argument("--evaluate", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    if args.start:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(args.start / name, args.out)
    if not (args.out / "tokenizer.json").exists():
        tokenizers_.build(args.out)
    tokenizer = Tokenizer.from_file(str(args.out / "tokenizer.json"))
    n_vocab = tokenizer.get_vocab_size()
    model = build_model(n_vocab)
    report = {}
    if not args.evaluate:
        if args.start:
            load(model, args.start)
        report["training"] = train(model, tokenizer, args)
        write(model, args.out, n_vocab)
    model = build_model(n_vocab)
    load(model, args.out)
    model.to(args.device)
    rounding = Rounding(model)
    for scheme, active in (("BF16", False), ("NVFP4A16", True)):
        rounding.active = active
        report[scheme] = evaluate(model, tokenizer, args.samples, args.device)
        for task, result in report[scheme].items():
            print(f"{scheme} {task}: {result['correct']}/{result['total']}", flush=True)
    (args.out / "evaluation.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
