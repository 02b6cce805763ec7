"""Greedy answers to held-out prompts, compared to the letter."""
import torch

from . import chat, tasks


@torch.no_grad()
def answers(model, tokenizer, prompts, max_new_tokens, device, batch=256):
    """The model's answer to each prompt: token ids up to <turn|>, decoded with special tokens kept."""
    end, pad = tokenizer.token_to_id("<turn|>"), tokenizer.token_to_id("<pad>")
    texts = []
    for begin in range(0, len(prompts), batch):
        ids = [tokenizer.encode(p, add_special_tokens=False).ids for p in prompts[begin:begin + batch]]
        width = max(map(len, ids))
        tokens = torch.tensor([[pad] * (width - len(row)) + row for row in ids], device=device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids], device=device)
        out = model.generate(input_ids=tokens, attention_mask=mask, max_new_tokens=max_new_tokens, do_sample=False,
                             eos_token_id=end, pad_token_id=pad)[:, width:].tolist()
        for row in out:
            row = row[:row.index(end)] if end in row else row
            texts.append(tokenizer.decode([t for t in row if t != pad], skip_special_tokens=False))
    return texts


def evaluate(model, tokenizer, n, device):
    """task -> {correct, total, wrong: a few examples}."""
    model.eval()
    report = {}
    for task in tasks.TASKS:
        samples = tasks.held_out_samples(task, n)
        if not samples:
            continue
        prompts = [chat.prompt(messages, tools) for messages, tools, _ in samples]
        longest = max(len(tokenizer.encode(answer, add_special_tokens=False).ids) for _, _, answer in samples)
        found = answers(model, tokenizer, prompts, longest + 4, device)
        wrong = [{"prompt": s[0][-1]["content"], "expected": s[2], "found": f} for s, f in zip(samples, found) if s[2] != f]
        report[task] = {"correct": len(samples) - len(wrong), "total": len(samples), "wrong": wrong[:3]}
    return report
