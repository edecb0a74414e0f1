"""A Kubeflow Pipelines component (KFP 2): repairs a suspect image classifier through a service.

    pip install kfp
    python component.py            # writes component.yaml, which is beside this file

In a pipeline: ``components.load_component_from_file("component.yaml")``. The service's key is the
environment variable POLARIZER_API_KEY; give it with ``kfp-kubernetes``' ``use_secret_as_env``.
"""

from pathlib import Path

from kfp import compiler, dsl

IMAGE = "neural-polarizer-service:0.1.0"


@dsl.container_component
def repair_classifier(  # noqa: ANN201 - kfp allows none
    model: dsl.Input[dsl.Model],
    clean: dsl.Input[dsl.Dataset],
    repaired: dsl.Output[dsl.Model],
    defense_id: dsl.OutputPath(str),
    passed: dsl.OutputPath(str),
    url: str,
    description: str = "",
    config: str = "",
    require: str = "accuracy_drop <= 0.02",
):
    """Leaves model.safetensors, report.json and result.json in the folder of ``repaired``.

    ``model`` is a folder with the file of the weights and a model.json that describes it, or the
    file alone; then ``description`` is that JSON. ``config``: hyper-parameters as JSON.
    ``require`` is one condition; join several with ``and``. The step fails with exit code 1 when it
    does not hold, 3 when the input is rejected, and 4 when trying again may help.
    """
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["polarizer", "defend"],
        args=[
            model.path,
            "--clean",
            clean.path,
            "--description",
            description,
            "--config",
            config,
            "--out",
            repaired.path,
            "--require",
            require,
            "--value",
            f"defense_id={defense_id}",
            "--value",
            f"passed={passed}",
            "--url",
            url,
            "--on-interrupt",
            "cancel",
        ],
    )


if __name__ == "__main__":
    target = Path(__file__).with_name("component.yaml")
    compiler.Compiler().compile(repair_classifier, str(target))
    target.write_text(f"# yamllint disable rule:indentation\n{target.read_text()}")
