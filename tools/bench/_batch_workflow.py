"""The workflow of the benchmark of batches."""

from comfynodes import PreviewAny, StringConcatenate

from comfyflow import workflow


@workflow
def join(word: str) -> PreviewAny:
    return PreviewAny(source=StringConcatenate(string_a=word, string_b="!", delimiter=""))
