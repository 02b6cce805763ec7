"""Names, shapes and config.json of Gemma 4 checkpoints as they are released, for tools/make_checkpoint.py and tools/goldens.

A tensor is (name, shape, fill); fill says what random values make a forward pass stay finite:
a number is the standard deviation of normal values, "norm" is 1 + N(0, 0.1), "one" is 1, "low" and "high" are clip bounds.
"""

N_VOCAB = 262144
SLIDING, FULL = "sliding_attention", "full_attention"


def e4b_text_config(n_layers: int = 42) -> dict:
    """E4B's text model; with fewer layers the widths stay and the share of layers that reuse KV is kept."""
    if n_layers % 6 or not n_layers:
        raise SystemExit(f"--layers {n_layers}: the pattern is five sliding layers and a full one; give a multiple of 6")
    return {
        "attention_bias": False, "attention_dropout": 0.0, "attention_k_eq_v": False, "bos_token_id": 2,
        "dtype": "bfloat16", "enable_moe_block": False, "eos_token_id": 1, "expert_intermediate_size": None,
        "final_logit_softcapping": 30.0, "global_head_dim": 512, "head_dim": 256,
        "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2560, "hidden_size_per_layer_input": 256,
        "initializer_range": 0.02, "intermediate_size": 10240,
        "layer_types": [FULL if i % 6 == 5 else SLIDING for i in range(n_layers)],
        "max_position_embeddings": 131072, "model_type": "gemma4_text", "moe_intermediate_size": None,
        "num_attention_heads": 8, "num_experts": None, "num_global_key_value_heads": None,
        "num_hidden_layers": n_layers, "num_key_value_heads": 2, "num_kv_shared_layers": n_layers * 3 // 42 * 6,
        "pad_token_id": 0, "rms_norm_eps": 1e-06,
        "rope_parameters": {
            FULL: {"partial_rotary_factor": 0.25, "rope_theta": 1000000.0, "rope_type": "proportional"},
            SLIDING: {"rope_theta": 10000.0, "rope_type": "default"}},
        "sliding_window": 512, "tie_word_embeddings": True, "top_k_experts": None,
        "use_bidirectional_attention": None, "use_cache": True, "use_double_wide_mlp": False,
        "vocab_size": N_VOCAB, "vocab_size_per_layer_input": N_VOCAB}


def small_text_config(n_layers: int = 6) -> dict:
    """E4B's form at a fifth of its widths: about 60 MB, for tests that need a file that takes a moment to read."""
    return {**e4b_text_config(n_layers), "global_head_dim": 128, "head_dim": 64, "hidden_size": 512,
            "hidden_size_per_layer_input": 64, "intermediate_size": 2048, "vocab_size": 8192,
            "vocab_size_per_layer_input": 8192}


TEXT_CONFIGS = {"e4b": e4b_text_config, "small": small_text_config}

VISION_CONFIG = {
    "attention_bias": False, "attention_dropout": 0.0, "default_output_length": 280, "dtype": "bfloat16",
    "global_head_dim": 64, "head_dim": 64, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 768,
    "initializer_range": 0.02, "intermediate_size": 3072, "max_position_embeddings": 131072,
    "model_type": "gemma4_vision", "num_attention_heads": 12, "num_hidden_layers": 16, "num_key_value_heads": 12,
    "patch_size": 16, "pooling_kernel_size": 3, "position_embedding_size": 10240, "rms_norm_eps": 1e-06,
    "rope_parameters": {"rope_theta": 100.0, "rope_type": "default"}, "standardize": False,
    "use_clipped_linears": True}

AUDIO_CONFIG = {
    "attention_chunk_size": 12, "attention_context_left": 13, "attention_context_right": 0,
    "attention_invalid_logits_value": -1000000000.0, "attention_logit_cap": 50.0, "conv_kernel_size": 5,
    "dtype": "bfloat16", "gradient_clipping": 10000000000.0, "hidden_act": "silu", "hidden_size": 1024,
    "initializer_range": 0.02, "model_type": "gemma4_audio", "num_attention_heads": 8, "num_hidden_layers": 12,
    "output_proj_dims": 1536, "residual_weight": 0.5, "rms_norm_eps": 1e-06, "subsampling_conv_channels": [128, 32],
    "use_clipped_linears": True}


MEDIA_IDS = {
    "boa_token_id": 256000, "boi_token_id": 255999, "image_token_id": 258880, "audio_token_id": 258881,
    "eoi_token_id": 258882, "eoa_token_id": 258883, "eoa_token_index": 258883, "video_token_id": 258884}


def config(text: dict, towers: bool) -> dict:
    ids = {name: value for name, value in MEDIA_IDS.items() if value < text["vocab_size"]}
    return ids | {
        "architectures": ["Gemma4ForConditionalGeneration"], "audio_config": AUDIO_CONFIG if towers else None,
        "dtype": "bfloat16", "eos_token_id": [1, 106], "initializer_range": 0.02, "model_type": "gemma4",
        "text_config": text, "tie_word_embeddings": True, "transformers_version": "5.23.0",
        "vision_config": VISION_CONFIG if towers else None, "vision_soft_tokens_per_image": 280}


GENERATION_CONFIG = {
    "bos_token_id": 2, "do_sample": True, "eos_token_id": [1, 106, 50], "pad_token_id": 0, "temperature": 1.0,
    "top_k": 64, "top_p": 0.95, "transformers_version": "5.23.0"}


def linear(name: str, n_out: int, n_in: int):
    return (name + ".weight", (n_out, n_in), n_in**-0.5)


def norm(name: str, width: int):
    return (name + ".weight", (width,), "norm")


def clipped_linear(name: str, n_out: int, n_in: int):
    yield linear(name + ".linear", n_out, n_in)
    for side in ("input", "output"):
        yield (f"{name}.{side}_max", (), "high")
        yield (f"{name}.{side}_min", (), "low")


def text_tensors(c: dict):
    hidden, ple, layers = c["hidden_size"], c["hidden_size_per_layer_input"], c["num_hidden_layers"]
    prefix = "model.language_model."
    # The lookups multiply by sqrt(width), so these standard deviations give rows of unit variance.
    yield (prefix + "embed_tokens.weight", (c["vocab_size"], hidden), hidden**-0.5)
    if ple:
        yield (prefix + "embed_tokens_per_layer.weight", (c["vocab_size"], layers * ple), ple**-0.5)
        yield linear(prefix + "per_layer_model_projection", layers * ple, hidden)
        yield norm(prefix + "per_layer_projection_norm", ple)
    yield norm(prefix + "norm", hidden)
    for i, kind in enumerate(c["layer_types"]):
        layer = f"{prefix}layers.{i}."
        yield from attention_tensors(c, layer, kind == FULL)
        shares_kv = i >= layers - c["num_kv_shared_layers"]
        ffn = c["intermediate_size"] * (2 if c["use_double_wide_mlp"] and shares_kv else 1)
        yield norm(layer + "pre_feedforward_layernorm", hidden)
        yield linear(layer + "mlp.gate_proj", ffn, hidden)
        yield linear(layer + "mlp.up_proj", ffn, hidden)
        yield linear(layer + "mlp.down_proj", hidden, ffn)
        if c["enable_moe_block"]:
            yield from expert_tensors(c, layer)
        yield norm(layer + "post_feedforward_layernorm", hidden)
        if ple:
            yield linear(layer + "per_layer_input_gate", ple, hidden)
            yield linear(layer + "per_layer_projection", hidden, ple)
            yield norm(layer + "post_per_layer_input_norm", hidden)
        yield (layer + "layer_scalar", (1,), "one")


def attention_tensors(c: dict, layer: str, full: bool):
    hidden, head_dim, n_kv_heads = c["hidden_size"], c["head_dim"], c["num_key_value_heads"]
    k_is_v = full and c["attention_k_eq_v"]
    if full:
        head_dim = c["global_head_dim"]
    if k_is_v:
        n_kv_heads = c["num_global_key_value_heads"] or n_kv_heads
    yield norm(layer + "input_layernorm", hidden)
    yield linear(layer + "self_attn.q_proj", c["num_attention_heads"] * head_dim, hidden)
    yield norm(layer + "self_attn.q_norm", head_dim)
    # Layers that reuse KV carry k_proj, v_proj and k_norm in the releases, though nothing reads them.
    yield linear(layer + "self_attn.k_proj", n_kv_heads * head_dim, hidden)
    if not k_is_v:
        yield linear(layer + "self_attn.v_proj", n_kv_heads * head_dim, hidden)
    # Attention scales by 1: a small k_norm keeps the softmax from collapsing onto one position.
    yield (layer + "self_attn.k_norm.weight", (head_dim,), head_dim**-0.5)
    yield linear(layer + "self_attn.o_proj", hidden, c["num_attention_heads"] * head_dim)
    yield norm(layer + "post_attention_layernorm", hidden)


def expert_tensors(c: dict, layer: str):
    hidden, ffn, n_experts = c["hidden_size"], c["moe_intermediate_size"], c["num_experts"]
    yield linear(layer + "router.proj", n_experts, hidden)
    yield (layer + "router.scale", (hidden,), "norm")
    yield (layer + "router.per_expert_scale", (n_experts,), "norm")
    yield (layer + "experts.gate_up_proj", (n_experts, 2 * ffn, hidden), hidden**-0.5)
    yield (layer + "experts.down_proj", (n_experts, hidden, ffn), ffn**-0.5)
    for name in ("post_feedforward_layernorm_1", "post_feedforward_layernorm_2", "pre_feedforward_layernorm_2"):
        yield norm(layer + name, hidden)


def vision_tensors(c: dict, text_hidden: int):
    hidden, ffn, tower = c["hidden_size"], c["intermediate_size"], "model.vision_tower."
    yield linear(tower + "patch_embedder.input_proj", hidden, 3 * c["patch_size"] ** 2)
    yield (tower + "patch_embedder.position_embedding_table", (2, c["position_embedding_size"], hidden), 0.02)
    for i in range(c["num_hidden_layers"]):
        layer = f"{tower}encoder.layers.{i}."
        for name in ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                     "post_feedforward_layernorm"):
            yield norm(layer + name, hidden)
        for name in ("q", "k", "v", "o"):
            yield from clipped_linear(f"{layer}self_attn.{name}_proj", hidden, hidden)
        yield norm(layer + "self_attn.q_norm", c["head_dim"])
        yield (layer + "self_attn.k_norm.weight", (c["head_dim"],), c["head_dim"] ** -0.5)
        yield from clipped_linear(layer + "mlp.gate_proj", ffn, hidden)
        yield from clipped_linear(layer + "mlp.up_proj", ffn, hidden)
        yield from clipped_linear(layer + "mlp.down_proj", hidden, ffn)
    yield linear("model.embed_vision.embedding_projection", text_hidden, hidden)


def audio_tensors(c: dict, text_hidden: int):
    hidden, tower = c["hidden_size"], "model.audio_tower."
    first, second = c["subsampling_conv_channels"]
    convolution = tower + "subsample_conv_projection."
    yield (convolution + "layer0.conv.weight", (first, 1, 3, 3), 1 / 3)
    yield norm(convolution + "layer0.norm", first)
    yield (convolution + "layer1.conv.weight", (second, first, 3, 3), (9 * first) ** -0.5)
    yield norm(convolution + "layer1.norm", second)
    # 128 mel bins, halved by each convolution.
    yield linear(convolution + "input_proj_linear", hidden, second * 32)
    for i in range(c["num_hidden_layers"]):
        layer = f"{tower}layers.{i}."
        for name in ("feed_forward1", "feed_forward2"):
            yield norm(f"{layer}{name}.pre_layer_norm", hidden)
            yield norm(f"{layer}{name}.post_layer_norm", hidden)
            yield from clipped_linear(f"{layer}{name}.ffw_layer_1", 4 * hidden, hidden)
            yield from clipped_linear(f"{layer}{name}.ffw_layer_2", hidden, 4 * hidden)
        for name in ("norm_out", "norm_post_attn", "norm_pre_attn", "lconv1d.conv_norm", "lconv1d.pre_layer_norm"):
            yield norm(layer + name, hidden)
        yield (layer + "lconv1d.depthwise_conv1d.weight", (hidden, 1, c["conv_kernel_size"]), 0.45)
        yield from clipped_linear(layer + "lconv1d.linear_start", 2 * hidden, hidden)
        yield from clipped_linear(layer + "lconv1d.linear_end", hidden, hidden)
        for name in ("q_proj", "k_proj", "v_proj", "post"):
            yield from clipped_linear(f"{layer}self_attn.{name}", hidden, hidden)
        yield linear(layer + "self_attn.relative_k_proj", hidden, hidden)
        yield (layer + "self_attn.per_dim_scale", (hidden // c["num_attention_heads"],), 0.02)
    yield linear(tower + "output_proj", c["output_proj_dims"], hidden)
    yield (tower + "output_proj.bias", (c["output_proj_dims"],), 0.02)
    yield linear("model.embed_audio.embedding_projection", text_hidden, c["output_proj_dims"])


def tensors(text: dict, towers: bool) -> list[tuple[str, tuple[int, ...], object]]:
    found = list(text_tensors(text))
    if towers:
        found += vision_tensors(VISION_CONFIG, text["hidden_size"])
        found += audio_tensors(AUDIO_CONFIG, text["hidden_size"])
    return sorted(found)
