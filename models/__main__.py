"""`python -m models`: build a model file, compare it with its source and with other builds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.errors import ModelRefusedError
from app.installation import default_model
from models.build import assess, build
from models.errors import BuildError
from models.evaluation.matrix import fill, matrix_table
from models.evaluation.parity import Agreement, verify
from models.evaluation.report import draw, measured, quality_table
from models.graphs.baked_sampler import Sampler
from models.options import BuildOptions, Quantization, Target
from models.progress import Stages

DEFAULT = default_model()

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
console = Console(stderr=True)

Source = Annotated[Path | None, typer.Option(help="Checkpoint; without it the default weights are fetched.")]


@app.command("build")
def build_command(
    source: Source = None,
    output: Annotated[Path, typer.Option(help="The model file; the rest goes beside it.")] = DEFAULT,
    sequence_length: Annotated[int, typer.Option(help="Prompt and completion together, in tokens.")] = 512,
    quantize: Annotated[Quantization, typer.Option(help="Number format of the matrices.")] = "dynamic",
    target: Annotated[Target, typer.Option(help="Runtime that must be able to run it.")] = "litert",
    serving_window: Annotated[int, typer.Option(help="serving_default: prompt tokens kept.")] = 128,
    serving_tokens: Annotated[int, typer.Option(help="serving_default: tokens generated, at most.")] = 64,
    serving_temperature: Annotated[float, typer.Option(help="serving_default: 0 for the likeliest.")] = 0.0,
    serving_top_k: Annotated[int, typer.Option(help="serving_default: tokens kept; 0 for all.")] = 0,
    serving_top_p: Annotated[float, typer.Option(help="serving_default: mass of the tokens kept.")] = 1.0,
    serving_seed: Annotated[int, typer.Option(help="serving_default: of its random numbers.")] = 0,
    quality: Annotated[bool, typer.Option(help="Measure the file beside the float32 reference.")] = True,
    accept_terms: Annotated[bool, typer.Option(help="You accept the terms of named weights.")] = False,
) -> None:
    """Build the model file, its manifest and the shared objects of its custom operators."""
    sampler = Sampler(serving_temperature, serving_top_k, serving_top_p, serving_seed)
    options = BuildOptions(
        source, output, sequence_length, quantize, target, serving_window, serving_tokens, sampler
    )
    options = replace(options, accept_terms=accept_terms)
    if not quality:
        options = replace(options, quality_tokens=0)
    with Stages(planned=options.stages, console=console) as stages:
        manifest = build(options, stages)
    if manifest.quality:
        console.print(quality_table([manifest]))
    else:
        console.print("quality: not measured")
    share = manifest.bytes / 1e6
    console.print(
        f"{output}: {manifest.id}, {manifest.quantization}, {share:.1f} MB, sha256 {manifest.sha256}"
    )
    setting = "" if output == DEFAULT else f"AUTOCOMPLETE_MODEL={output} "
    console.print(f"serve it: {setting}python -m app", highlight=False)


@app.command("quality")
def quality_command(
    model: Annotated[Path, typer.Argument(help="The model file.")] = DEFAULT,
    source: Source = None,
    tokens: Annotated[int, typer.Option(help="Tokens of the text that are read, at most.")] = 10**6,
) -> None:
    """Measure a file on the whole text of the repository and write the result into its manifest."""
    with Stages(planned=2, console=console) as stages:
        manifest = assess(model, source, tokens, stages)
    console.print(quality_table([manifest]))


@app.command("compare")
def compare_command(
    models: Annotated[list[Path], typer.Argument(help="Model files whose quality has been measured.")],
    plot: Annotated[Path | None, typer.Option(help="PNG of size against perplexity.")] = None,
) -> None:
    """Print the quality of several files side by side; draw size against perplexity."""
    manifests = [measured(model) for model in models]
    console.print(quality_table(manifests))
    if plot is not None:
        draw(manifests, plot)


@app.command("matrix")
def matrix_command(
    folder: Annotated[Path, typer.Argument(help="Gets the files; those that are there are measured anew.")],
    sources: Annotated[list[Path] | None, typer.Option("--source", help="A further checkpoint.")] = None,
    tokens: Annotated[int, typer.Option(help="Tokens of the text that each file is measured on.")] = 512,
) -> None:
    """Build and measure every number format for every runtime, from the default weights and further ones."""
    cells = []
    for cell in fill([None, *(sources or [])], folder, tokens):
        cells.append(cell)
        console.print(f"{cell.source}, {cell.quantize}, {cell.target}: {cell.reason or 'measured'}")
    console.print(matrix_table(cells))


@app.command("verify")
def verify_command(
    model: Annotated[Path, typer.Argument(help="The model file.")] = DEFAULT,
    source: Source = None,
    texts: Annotated[int, typer.Option(help="Texts whose token ids are compared.")] = 2000,
) -> None:
    """Compare token ids with the `tokenizers` package and greedy text with a float32 reference."""
    with Stages(planned=3, console=console) as stages:
        agreement = verify(model, source, texts, stages)
    console.print(_table(agreement))
    if agreement.texts_equal != agreement.texts:
        raise BuildError(f"{model}: {agreement.texts - agreement.texts_equal} texts have other token ids")


def _table(agreement: Agreement) -> Table:
    table = Table("compared", "equal", "of", "share")
    rows = [
        ("texts by token ids", agreement.texts_equal, agreement.texts),
        ("greedy continuations", agreement.prompts_equal, agreement.prompts),
        ("greedy tokens up to the first difference", agreement.tokens_equal, agreement.tokens),
    ]
    for name, equal, count in rows:
        table.add_row(name, str(equal), str(count), f"{100 * equal / count:.1f} %")
    return table


def main() -> None:
    """Run the command line; an error is one line and exit status 1."""
    try:
        app()
    except (BuildError, ModelRefusedError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
