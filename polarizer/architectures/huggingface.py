"""Image classifiers of the transformers library, from the content of a ``config.json``.

The configuration comes from a stranger. Only model types that are part of the library are built,
never code that the configuration names; entries that would fetch or run something are refused, and
entries that change how a model is run, not what it is, are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import nn

from polarizer.errors import ArchitectureError
from polarizer.listing import shown, some

MODEL_TYPES = (
    *("beit", "bit", "clip", "convnext", "convnextv2", "cvt", "data2vec-vision", "deit", "dinov2"),
    *("dinov2_with_registers", "efficientnet", "focalnet", "hgnet_v2", "hiera", "ijepa", "levit"),
    *("mobilenet_v1", "mobilenet_v2", "mobilevit", "mobilevitv2", "poolformer", "pvt", "pvt_v2"),
    *("regnet", "resnet", "segformer", "siglip", "swiftformer", "swin", "swinv2", "textnet"),
    *("vit", "vit_msn"),
)
"""Types whose image classifier builds without torchvision or timm and answers with logits."""

_DEFAULT_CLASS = {"deit": "DeiTForImageClassification", "levit": "LevitForImageClassification"}

_REFUSED = {
    "auto_map": "names code of its own, which is never run",
    "custom_pipelines": "names code of its own, which is never run",
    "quantization_config": "asks for quantised weights; export the model in floating point",
    "use_timm_backbone": "needs timm",
    "backbone": "names another model that would have to be fetched",
}
_DROPPED = frozenset(
    {"attn_implementation", "_attn_implementation", "_attn_implementation_internal"}
    | {"experts_implementation", "_experts_implementation", "use_kernels", "gradient_checkpointing"}
    | {"dtype", "torch_dtype", "transformers_version", "_name_or_path", "name_or_path"}
    | {"id2label", "label2id", "num_labels", "_num_labels", "problem_type", "_commit_hash"}
    | {"return_dict", "use_return_dict", "output_attentions", "output_hidden_states", "torchscript"}
)

_LARGEST_NUMBER = 1_000_000
_LARGEST_IN_LIST = 10_000  # blocks or channels of one stage
_LONGEST_LIST = 256
_MOST_ENTRIES = 10_000
_DEEPEST = 8

# What a configuration of the wrong kind makes the library raise, beside its own validation errors.
_BUILD_ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError),
    *(RuntimeError, TypeError, ValueError),
)


def build_huggingface(config: Mapping[str, Any], num_classes: int) -> nn.Module:
    """The classifier of ``config`` with random weights; it returns an output with ``.logits``.

    Raises :class:`ArchitectureError` for a type that is not in :data:`MODEL_TYPES`, for an entry
    that is refused, and for whatever the library itself objects to.
    """
    model_type = config.get("model_type")
    if model_type not in MODEL_TYPES:
        raise ArchitectureError(
            f"config.json names model_type {model_type!r:.80}; known are {some(MODEL_TYPES, 99)}"
        )
    cleaned = _cleaned(config)
    from huggingface_hub.errors import StrictDataclassError

    try:
        return _from_config(model_type, cleaned, num_classes)
    except (*_BUILD_ERRORS, StrictDataclassError) as error:
        raise ArchitectureError(
            f"config.json does not build a {model_type!r} image classifier: "
            f"{type(error).__name__}: {shown(str(error))}"
        ) from error


def renamed(network: nn.Module, names: Iterable[str]) -> dict[str, str]:
    """What the tensors of a file are called in ``network``, by their names in the file.

    The library keeps writing the names that its checkpoints always had, and has others in its
    networks. Only names are mapped: tensors that would have to be split or joined keep theirs.
    """
    from transformers import PreTrainedModel
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightRenaming, rename_source_key

    if not isinstance(network, PreTrainedModel):
        return {name: name for name in names}
    mapping = get_model_conversion_mapping(network)
    renamings = [one for one in mapping if isinstance(one, WeightRenaming)]
    return {name: rename_source_key(name, renamings, [])[0] for name in names}


def _from_config(model_type: str, config: dict[str, Any], num_classes: int) -> nn.Module:
    from transformers import AutoConfig, AutoModelForImageClassification

    config.pop("model_type")
    if model_type in _DEFAULT_CLASS:
        config.setdefault("architectures", [_DEFAULT_CLASS[model_type]])
    built = AutoConfig.for_model(model_type, num_labels=num_classes, **config)
    factory: Any = AutoModelForImageClassification
    model = factory.from_config(built, trust_remote_code=False)
    if not isinstance(model, nn.Module):
        raise TypeError(f"the library built a {type(model).__name__}")
    return model


def _cleaned(config: Mapping[str, Any]) -> dict[str, Any]:
    for count, (key, value, depth) in enumerate(_entries(config)):
        if key in _REFUSED and value not in (None, False):
            raise ArchitectureError(f"config.json: {key!r} {_REFUSED[key]}")
        if depth > _DEEPEST or count > _MOST_ENTRIES:
            raise ArchitectureError(
                f"config.json is nested deeper than {_DEEPEST} or has more than {_MOST_ENTRIES} "
                "entries"
            )
        _check_size(key, value)
    return _without_dropped(config)


def _check_size(key: str, value: object) -> None:
    several = isinstance(value, list | tuple)
    numbers = value if isinstance(value, list | tuple) else (value,)
    if len(numbers) > _LONGEST_LIST:
        raise ArchitectureError(f"config.json: {key!r:.80} lists more than {_LONGEST_LIST} values")
    limit = _LARGEST_IN_LIST if several else _LARGEST_NUMBER
    for number in numbers:
        if isinstance(number, int | float) and not abs(number) <= limit:
            raise ArchitectureError(f"config.json: {key!r:.80} may not exceed {limit:,}")


def _entries(config: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Every ``(key, value, depth)`` but those below entries that are dropped."""
    pending: list[tuple[str, Any, int]] = [("config.json", config, 0)]
    while pending:
        key, value, depth = pending.pop()
        yield key, value, depth
        if isinstance(value, Mapping):
            kept = ((str(name), value[name]) for name in value if name not in _DROPPED)
            pending.extend((name, child, depth + 1) for name, child in kept)
        elif isinstance(value, list | tuple):
            pending.extend((key, child, depth + 1) for child in value)


def _without_dropped(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_dropped(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in _DROPPED
    }
