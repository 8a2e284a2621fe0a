"""What is installed on a server is not known from the schema beside generated modules."""

from __future__ import annotations

from comfynodes import CheckpointLoaderSimple, EmptyImage, ImageBlend, LoadImage, PreviewAny, SaveImage

from comfyflow import Workflow, load_schema, validate_prompt
from comfyflow.schema.package import package_schema


def loading(checkpoint: str, image: str) -> Workflow[tuple[object, ...]]:
    return Workflow(
        PreviewAny(source=CheckpointLoaderSimple(ckpt_name=checkpoint).MODEL),
        SaveImage(images=LoadImage(image=image).IMAGE),
    )


def test_a_file_that_only_the_server_knows_is_no_problem_for_the_package() -> None:
    made = loading("no such model.safetensors", "no such picture.png")
    report = made.validate()
    assert report.ok
    assert {problem.type for problem in report.problems} <= {"file_not_checked"}


def test_it_is_one_for_the_schema_of_the_server_itself() -> None:
    package = package_schema({"comfynodes"})
    server = load_schema(dict(package.raw), version=str(package.version))
    report = loading("no such model.safetensors", "no such picture.png").validate(server)
    assert report.error == "prompt_outputs_failed_validation"
    assert {problem.type for problem in report.problems} >= {"value_not_in_list", "custom_validation_failed"}


def test_fixed_choices_are_checked_all_the_same() -> None:
    image = EmptyImage()
    blended = ImageBlend(image1=image, image2=image, blend_mode="nrmal")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    report = Workflow(SaveImage(images=blended)).validate()
    assert [problem.type for problem in report.problems] == ["value_not_in_list"]
    assert "'normal'" in str(report)


def test_the_other_checks_of_such_an_input_stay() -> None:
    prompt = {"1": {"class_type": "CheckpointLoaderSimple", "inputs": {}}}
    prompt["2"] = {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}
    report = validate_prompt(prompt, package_schema({"comfynodes"}))
    assert [(p.type, p.input_name) for p in report.problems] == [("required_input_missing", "ckpt_name")]
