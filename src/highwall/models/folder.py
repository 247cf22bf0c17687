"""A model on disk: arrays, a STAC item and a page that describe them, and checksums over all. No code, no pickle."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors

from highwall.errors import BadInput
from highwall.files import new_folder, sha256, write_json
from highwall.models.backends import make_backend
from highwall.models.card import Blueprint, item, read_blueprint
from highwall.models.default import BOX, model_folder
from highwall.models.first_look import FirstLook
from highwall.models.forest import Forest
from highwall.models.model import AVERAGE, FOREST, Model
from highwall.models.networks import build_networks, default_device
from highwall.models.quickest import choose_backend
from highwall.models.readme import readme
from highwall.models.record import Record
from highwall.models.short import lengthen, shorten

if TYPE_CHECKING:
    from pathlib import Path

ITEM: Final = "model.json"
NETWORKS: Final = "networks.safetensors"
FOREST_ARRAYS: Final = "forest.safetensors"
RECORD: Final = "record.safetensors"
FIRST_LOOK: Final = "first_look.safetensors"
README: Final = "README.md"
"""What a person should know of the model."""

CHECKSUMS: Final = "SHA256SUMS"
"""Checksums of all other files, as `sha256sum --check` reads them."""


def save_model(model: Model, folder: Path) -> None:
    """Write a model to a folder, which appears only when it is complete.

    Weights go into 16 or 8 bits where that loses nothing, as after `short.rounded`.
    """
    with new_folder(folder) as part:
        state = {name: value.cpu().contiguous() for name, value in model.networks.state_dict().items()}
        save_tensors(shorten(state), part / NETWORKS)
        if model.forest is not None:
            save_arrays(model.forest.to_arrays(), part / FOREST_ARRAYS)
        if model.record is not None:
            save_arrays(model.record.to_arrays(), part / RECORD)
        if model.first_look is not None:
            save_arrays(model.first_look.to_arrays(), part / FIRST_LOOK)
        files = {path.name: (sha256(path), path.stat().st_size) for path in sorted(part.iterdir())}
        write_json(part / ITEM, item(model, files))
        (part / README).write_text(readme(model), "utf-8")
        sums = "".join(f"{sha256(path)}  {path.name}\n" for path in sorted(part.iterdir()))
        (part / CHECKSUMS).write_text(sums, "utf-8")


def load_model(path: Path | str, device: str | torch.device | None = None, *, backend: str | None = None) -> Model:
    """Load a model from its folder, after comparing every file with its checksum.

    How its networks are computed is decided by a short measurement (see `choose_backend`).

    Args:
        path: the folder, such as `RUN/model`, or the word `default` (see `model_folder`).
        device: where to put the networks; a GPU if there is one, else the CPU.
        backend: how to compute the networks, without measuring (see `make_backend`).

    Raises:
        BadInput: this is no model, a file of it was changed, or a newer version wrote it.
    """
    folder = model_folder(path)
    if folder == BOX and not BOX.is_dir():
        raise BadInput(f"this highwall was built without a model in the box (no {BOX}): give the folder of a model")
    _compare_checksums(folder)
    try:
        document = json.loads((folder / ITEM).read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise BadInput(f"{folder / ITEM} cannot be read: {error}") from None
    blueprint = read_blueprint(document)
    model = _build(blueprint, folder, document, torch.device(device or default_device()))
    if backend is not None:
        return replace(model, backend=make_backend(backend, model.networks))
    return replace(model, backend=choose_backend(model.networks, model.facts.get("agreement", {})))


def _compare_checksums(folder: Path) -> None:
    if not folder.is_dir():
        raise BadInput(f"no model folder at {folder}")
    try:
        lines = (folder / CHECKSUMS).read_bytes().decode("ascii").removesuffix("\n").split("\n")
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except FileNotFoundError:
        raise BadInput(f"{folder} is no model: it has no {CHECKSUMS}") from None
    except (ValueError, OSError):
        raise BadInput(f"{folder}: {CHECKSUMS} is damaged") from None
    names = {path.name for path in folder.iterdir()} - {CHECKSUMS}
    if not {ITEM, NETWORKS} <= set(sums) or (names & {FOREST_ARRAYS, RECORD, FIRST_LOOK}) - set(sums):
        raise BadInput(f"{folder}: {CHECKSUMS} is damaged: it does not list the model's files")
    for name, digest in sums.items():
        if name not in names:
            raise BadInput(f"{folder}: {name} is missing")
        if sha256(folder / name) != digest:
            raise BadInput(f"{folder}: {name} is damaged: it does not match its checksum")


def _build(blueprint: Blueprint, folder: Path, document: dict[str, Any], device: torch.device) -> Model:
    configs = {name: config.model_copy(update={"weights": None}) for name, config in blueprint.networks.items()}
    networks = build_networks(configs, blueprint.bands, len(blueprint.classes), blueprint.normalisation)
    try:
        networks.load_state_dict(lengthen(load_tensors(folder / NETWORKS)))
    except (SafetensorError, RuntimeError, IndexError) as error:
        raise BadInput(f"{folder / NETWORKS} does not fit the blueprint: {str(error).splitlines()[0]}") from None
    model = Model(
        networks=networks.to(device).eval(),
        configs=blueprint.networks,
        normalisation=blueprint.normalisation,
        bands=blueprint.bands,
        legend=blueprint.legend,
        answers=blueprint.answers,
        final=blueprint.final,
        temperatures=blueprint.temperatures,
        facts=document["properties"].get("highwall:facts", {}),
    )
    if blueprint.features is not None:
        model = replace(model, forest=Forest.from_arrays(_arrays(folder / FOREST_ARRAYS), blueprint.features))
    if (folder / RECORD).exists():
        model = replace(model, record=Record.from_arrays(_arrays(folder / RECORD)))
    if (folder / FIRST_LOOK).exists():
        look = FirstLook.from_arrays(_arrays(folder / FIRST_LOOK), blueprint.bands)
        model = replace(model, first_look=look)
    if blueprint.final not in ({FOREST} if model.forest else set()) | {AVERAGE}:
        raise BadInput(f"{folder}: it has no level {blueprint.final!r}")
    return model


def _arrays(path: Path) -> dict[str, Any]:
    try:
        return load_arrays(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
