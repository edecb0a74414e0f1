"""The report: everything that was found, and what a user should keep in mind."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from polarizer.checkpoints import LoadedModel, Provenance
from polarizer.cleanset import CleanSetReport
from polarizer.config import Method
from polarizer.purification import Purification
from service.defenses.cleanset import CleanSetFacts
from service.defenses.evidence import EvidenceFacts
from service.defenses.report import ArtefactFacts, Numbers, Report, Warned
from service.defenses.winback import AttackTestFacts
from worker.child.sets import ImageSets
from worker.job import Job

ALWAYS = (
    "The backdoor is suppressed in the weights that were sent, not unlearned from the data that"
    " put it there. Training the purified model further on poisoned images, or searching for a"
    " stronger trigger with access to its weights, may bring it back.",
)
UNMEASURED = (
    "No triggered images were sent, so attack success was not measured: nothing here says whether"
    " there was a backdoor, or whether it is gone."
)
HELD_OUT = (
    "No test images were sent, so accuracy was measured on clean images held out of the training."
    " They also chose among the steps of the optimisation, so the accuracy after may be slightly"
    " high."
)
DEEP = (
    "Every weight of the network moved, not only those of its last stage: triggers that cover or"
    " warp the whole image need it, and it may cost more accuracy than method stage."
)
ATTACHED = (
    "This method cannot be folded into the network: the file holds the polarizer as a layer of its"
    " own, and loads with this service only."
)


def report(
    job: Job,
    *,
    source: LoadedModel,
    sets: ImageSets,
    purification: Purification,
    clean_set: CleanSetReport,
    numbers: Numbers,
    attack_tests: tuple[AttackTestFacts, ...],
    evidence: EvidenceFacts | None,
    artefact: ArtefactFacts,
    warnings: list[Warned],
    device: torch.device,
) -> Report:
    """The report of a job that succeeded."""
    classes = source.description.classes
    return Report(
        defense_id=job.defense_id,
        attempt=job.attempt,
        model=source.description,
        config=job.config,
        method=purification.config.method,
        target_class=None if sets.target is None else classes[sets.target],
        layers=purification.layers,
        trigger_norm=purification.trigger_norm,
        steps=purification.steps,
        purify_seconds=purification.seconds,
        numbers=numbers,
        evidence=evidence,
        clean_set=CleanSetFacts.of(clean_set),
        attack_tests=attack_tests,
        measured_on="held_out" if sets.test is None else "test",
        inputs=job.inputs,
        images=sets.facts(),
        artefact=artefact,
        warnings=tuple(warnings),
        remarks=_remarks(purification, sets),
        device=device_name(device),
        versions=versions(),
    )


def provenance(job: Job) -> Provenance:
    """Where the artefact comes from; the same for every attempt of a defense."""
    return Provenance(
        inputs={role: facts.sha256 for role, facts in job.inputs.items()},
        config=job.config.model_dump(mode="json"),
        seed=job.config.seed,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Of what the result depends on."""
    try:
        ours = version("neural-polarizer-service")
    except PackageNotFoundError:  # a checkout that was not installed
        ours = "unknown"
    return {
        "neural-polarizer-service": ours,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def device_name(device: torch.device) -> str:
    """``cpu``, or the GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _remarks(purification: Purification, sets: ImageSets) -> tuple[str, ...]:
    method = purification.config.method
    conditional = (
        (HELD_OUT, sets.test is None),
        (UNMEASURED, sets.triggered is None),
        (DEEP, method is Method.DEEP),
        (ATTACHED, method.attaches),
    )
    return (*ALWAYS, *(remark for remark, applies in conditional if applies))
