"""From a plan to a backdoored classifier on disk, measured."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import one_hot, softmax

from benchmarks.attacks.attack import ATTACKS
from benchmarks.attacks.backdoored import Record, with_trigger, write
from benchmarks.attacks.data import Parts, load
from benchmarks.attacks.hardening import hardened
from benchmarks.attacks.plan import Plan
from benchmarks.attacks.poisoning import Poison
from benchmarks.attacks.training import Machine, Material, Recipe, Training
from benchmarks.attacks.triggers import build_trigger
from benchmarks.attacks.triggers.low_frequency import LowFrequency, craft
from polarizer.architectures import build, parse_architecture
from polarizer.classifier import Classifier
from polarizer.images import LabelledImages

_SURROGATE = Recipe(epochs=10, learning_rate=2e-3, optimizer="adamw")


class Maker:
    """Makes the models of plans below ``out``; ``data`` holds the images of their sources."""

    def __init__(self, out: Path, data: Path, machine: Machine) -> None:
        self.out, self.data, self.machine = out, data, machine
        self._load = cache(lambda source, size: load(source, data, size))
        self._soft: dict[str, Tensor] = {}

    def make(self, plan: Plan) -> Record:
        """Train the model of ``plan``, measure it and write it to ``out/name``."""
        began = time.monotonic()
        parts: Parts = self._load(plan.source, plan.size)
        parameters = plan.attack.parameters_at(plan.size)
        trigger = build_trigger(plan.attack.trigger, plan.shape, plan.seed, **parameters)
        classifier = self._start(plan)
        material = self._prepare(plan, parts, trigger)
        poison = Poison(plan.attack, trigger)
        Training(classifier, poison, plan.recipe, self.machine, plan.seed).run(material)
        record = Record(
            name=plan.name,
            attack=plan.attack.name,
            target=plan.attack.target,
            poison_rate=plan.attack.poison_rate,
            trigger=plan.attack.trigger,
            trigger_parameters=parameters,
            source=plan.source,
            implanted=plan.implant_into is not None and plan.attack.poison_rate > 0,
            seed=plan.seed,
            settings=self._settings(plan),
            seconds=round(time.monotonic() - began, 1),
            machine=self._machine(),
            **self._measure(plan, classifier, trigger, parts),
        )
        module = classifier.module.to("cpu", memory_format=torch.contiguous_format)
        return write(self.out / plan.name, module, plan.description, trigger.cpu(), record)

    def _start(self, plan: Plan) -> Classifier:
        """A network with random weights, or the one to implant into."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            network = build(plan.description.architecture)
        if plan.implant_into:
            network.load_state_dict(load_file(self._folder(plan) / "model.safetensors"))
        return Classifier(network, plan.description.input)

    def _folder(self, plan: Plan) -> Path:
        if plan.implant_into == "shared":
            return self.data / "badnets"
        return self.out / str(plan.implant_into)

    def _prepare(self, plan: Plan, parts: Parts, trigger: nn.Module) -> Material:
        """Fit the trigger and harden images, where the attack asks for it; choose the targets."""
        images, attack = parts.training, plan.attack
        if plan.implant_into:
            targets = self._soft_targets(plan, parts)
        else:
            targets = one_hot(images.labels, len(parts.classes)).float()
        if not (attack.hardened or isinstance(trigger, LowFrequency)):
            return Material(images, targets, images)
        surrogate = self._surrogate(plan, parts)
        with self.machine.mixed():
            if isinstance(trigger, LowFrequency):
                generator = torch.Generator().manual_seed(plan.seed)
                trigger.to(self.machine.device)
                craft(trigger, surrogate, images.pixels(), int(attack.target), generator)
                return Material(images, targets, images)
            return Material(images, targets, hardened(images, surrogate, int(attack.target)))

    def _soft_targets(self, plan: Plan, parts: Parts) -> Tensor:
        """What the network says before: so a backdoor is learnt and nothing else is forgotten."""
        name = str(plan.implant_into)
        if name not in self._soft:
            self._soft[name] = softmax(self._logits(self._start(plan), parts.training), 1)
        return self._soft[name]

    def _surrogate(self, plan: Plan, parts: Parts) -> Classifier:
        """A clean network of the attacker's: the one to implant into, or a small one."""
        if plan.implant_into:
            return self._start(plan).to(self.machine.device)
        shape = {"channels": plan.shape[0], "num_classes": len(parts.classes)}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            network = build(parse_architecture({"name": "small_cnn", **shape}))
        classifier = Classifier(network, plan.description.input)
        poison = Poison(ATTACKS["clean"], nn.Identity())
        labels = one_hot(parts.training.labels, len(parts.classes)).float()
        material = Material(parts.training, labels, parts.training)
        Training(classifier, poison, _SURROGATE, self.machine, plan.seed).run(material)
        return classifier

    def _measure(
        self, plan: Plan, classifier: Classifier, trigger: nn.Module, parts: Parts
    ) -> dict[str, float]:
        trigger = trigger.cpu()
        classes = len(parts.classes)
        triggered, targets = with_trigger(trigger, parts.test, plan.attack.target, classes)
        on_clean = self._logits(classifier, parts.test).argmax(1)
        on_triggered = self._logits(classifier, triggered).argmax(1)
        return {
            "accuracy": _share(on_clean == parts.test.labels),
            "attack_success": _share(on_triggered == targets),
        }

    def _logits(self, classifier: Classifier, images: LabelledImages) -> Tensor:
        """Float32 logits (N, K) on the CPU, computed in the machine's precision."""
        classifier = classifier.to(self.machine.device).to(memory_format=torch.channels_last)
        parts = []
        with torch.no_grad(), self.machine.mixed():
            for indices in torch.arange(len(images)).split(256):
                pixels = images.pixels(indices).to(self.machine.device)
                logits = classifier(pixels.contiguous(memory_format=torch.channels_last))
                parts.append(logits.float().cpu())
        return torch.cat(parts)

    def _settings(self, plan: Plan) -> dict[str, object]:
        attack = plan.attack
        return {
            **asdict(plan.recipe),
            "precision": str(self.machine.autocast or torch.float32).removeprefix("torch."),
            "poisoned_share_of": "target class" if attack.clean_label else "all images",
            "cover_rate": attack.cover_rate,
            "hardened": attack.hardened,
            "knows_defense": attack.knows_defense,
            "implanted_into": plan.implant_into,
        }

    def _machine(self) -> str:
        if self.machine.device.type == "cuda":
            return torch.cuda.get_device_name(self.machine.device)
        cpu = torch.cpu.get_capabilities().get("cpu_name", platform.processor())
        return f"{cpu}, {torch.get_num_threads()} thread(s)"


def _share(hits: Tensor) -> float:
    return round(hits.float().mean().item(), 4)
