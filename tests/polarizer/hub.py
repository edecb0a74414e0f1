"""A tiny network of every type of the hub that is accepted: the entries of its ``config.json``."""

from __future__ import annotations

from typing import Any

SIZE = 32
_ATTENTION = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
_VIT = _ATTENTION | {"intermediate_size": 16, "image_size": SIZE, "patch_size": 8}
_DINO = _VIT | {"mlp_ratio": 2}
_STAGES = {"hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1]}
_PYRAMID = _STAGES | {"image_size": SIZE, "num_attention_heads": [1] * 4, "mlp_ratios": [2] * 4}
_REDUCTION = [2, 2, 1, 1]
_WINDOWS = {"embed_dim": 4, "depths": [1, 1], "num_heads": [1, 2], "image_size": SIZE}
_TEXT = _ATTENTION | {"intermediate_size": 8, "vocab_size": 9, "bos_token_id": 0, "eos_token_id": 1}

TINY: dict[str, dict[str, Any]] = {
    "beit": _VIT,
    "bit": {"embedding_size": 8, "num_groups": 4} | _STAGES,
    "clip": {"vision_config": _VIT, "text_config": _TEXT, "projection_dim": 8},
    "convnext": {"hidden_sizes": [4, 8], "depths": [1, 1], "num_stages": 2},
    "convnextv2": {"hidden_sizes": [4, 8], "depths": [1, 1], "num_stages": 2},
    "cvt": {"embed_dim": [8, 8, 8], "num_heads": [1, 1, 2], "depth": [1, 2, 3]},
    "data2vec-vision": _VIT,
    "deit": _VIT,
    "dinov2": _DINO,
    "dinov2_with_registers": _DINO,
    "efficientnet": {"width_coefficient": 0.25, "depth_coefficient": 0.1, "hidden_dim": 320}
    | {"image_size": SIZE, "kernel_sizes": [3, 3], "in_channels": [32, 16]}
    | {"out_channels": [16, 24], "strides": [1, 2], "num_block_repeats": [1, 1]}
    | {"expand_ratios": [1, 2], "depthwise_padding": []},
    "focalnet": {"image_size": SIZE, "embed_dim": 8, "depths": [1, 1], "hidden_sizes": [8, 16]}
    | {"focal_levels": [2, 2], "focal_windows": [3, 3]},
    "hgnet_v2": {"embedding_size": 8, "depths": [1, 1], "hidden_sizes": [8, 16]}
    | {"stem_channels": [3, 8, 8], "stage_in_channels": [8, 8], "stage_mid_channels": [8, 8]}
    | {"stage_out_channels": [8, 16], "stage_num_blocks": [1, 1]}
    | {"stage_downsample": [False, True], "stage_light_block": [False, True]}
    | {"stage_kernel_size": [3, 3], "stage_numb_of_layers": [2, 2]},
    "hiera": {"embed_dim": 8, "image_size": [SIZE, SIZE], "depths": [1, 1], "num_heads": [1, 2]}
    | {"query_stride": [2, 2], "num_query_pool": 1, "masked_unit_size": [4, 4]}
    | {"masked_unit_attention": [True, False]},
    "ijepa": _VIT,
    "levit": {"image_size": 64, "hidden_sizes": [8, 8, 16], "num_attention_heads": [1, 1, 2]}
    | {"depths": [1, 1, 1], "key_dim": [4, 4, 4]},
    "mobilenet_v1": {"depth_multiplier": 0.03, "image_size": SIZE},
    "mobilenet_v2": {"depth_multiplier": 0.1},
    "mobilevit": {"image_size": SIZE, "hidden_sizes": [8, 8, 8], "num_attention_heads": 2}
    | {"neck_hidden_sizes": [8, 8, 8, 8, 8, 8, 16]},
    "mobilevitv2": {"image_size": 64, "width_multiplier": 0.25, "base_attn_unit_dims": [8] * 3},
    "poolformer": _STAGES,
    "pvt": _PYRAMID | {"sequence_reduction_ratios": _REDUCTION},
    "pvt_v2": _PYRAMID | {"sr_ratios": _REDUCTION},
    "regnet": {"embedding_size": 8, "hidden_sizes": [8, 8], "depths": [1, 1], "groups_width": 4},
    "resnet": {"embedding_size": 4, "hidden_sizes": [8, 8], "depths": [1, 1]},
    "segformer": _PYRAMID | {"sr_ratios": _REDUCTION},
    "siglip": {"vision_config": _VIT},
    "swiftformer": {"image_size": SIZE, "depths": [1] * 4, "embed_dims": [8] * 4},
    "swin": _WINDOWS | {"window_size": 2},
    "swinv2": _WINDOWS | {"window_size": 4},
    "textnet": {"stem_out_channels": 8, "hidden_sizes": [8] * 5}
    | {"conv_layer_kernel_sizes": [[[3, 3]], [[3, 3]], [[3, 3]], [[3, 1]]]}
    | {"conv_layer_strides": [[2], [2], [1], [1]]},
    "vit": _VIT,
    "vit_msn": _VIT,
}


def architecture(model_type: str) -> dict[str, Any]:
    """As a request names it, with three classes."""
    config = {"model_type": model_type, **TINY[model_type]}
    return {"name": "huggingface", "num_classes": 3, "config": config}


def size(model_type: str) -> int:
    """Of a side of the images that it takes, in pixels."""
    given = TINY[model_type].get("image_size", SIZE)
    return given if isinstance(given, int) else given[0]
