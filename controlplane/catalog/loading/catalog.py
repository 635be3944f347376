"""The whole catalog as plain rows, the same from files and from tables, so that the two can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from controlplane.catalog.loading.module_rows import module_version_row
from controlplane.catalog.loading.reading import CatalogInvalidError, Document, FileFault, read_document
from controlplane.catalog.loading.shape_words import Shape
from controlplane.catalog.loading.shapes import FILES, FOLDERS
from controlplane.catalog.plans import PlanFacts, plan_facts
from controlplane.kernel.sentences import find_faults

DATA = Path(__file__).resolve().parent.parent / "data"

Row = dict[str, Any]
# In the order in which one refers to another.
KINDS = (
    "region",
    "machine_type",
    "module",
    "module_version",
    "kubernetes_version",
    "release",
    "channel",
    "plan",
)


@dataclass
class Catalog:
    """Rows by kind and key; `places` says where in which file each stands."""

    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    places: dict[tuple[str, str], tuple[Document, tuple[str | int, ...]]] = field(default_factory=dict)
    faults: list[FileFault] = field(default_factory=list)

    def add(self, kind: str, key: str, row: Row, document: Document, path: tuple[str | int, ...]) -> None:
        """Take a row; one that is there already is a fault."""
        if key in self.rows[kind]:
            detail = f"{kind.replace('_', ' ')} {key} stands in the catalog twice; remove one."
            self.faults.append(document.fault(path, f"{kind}_twice", detail))
            return
        self.rows[kind][key] = row
        self.places[kind, key] = (document, path)

    def fault(self, kind: str, key: str, within: tuple[str | int, ...], code: str, detail: str) -> None:
        """Note a fault at a part of a row."""
        document, path = self.places[kind, key]
        self.faults.append(document.fault((*path, *within), code, detail))

    def of_provider(self, kind: str, provider: str) -> list[Row]:
        """The regions or machine types of one provider."""
        return [row for row in self.rows[kind].values() if row["provider"] == provider]

    def plan_facts(self, key: str) -> PlanFacts:
        """The facts of one plan, as the tables would yield them; raises KeyError on a dangling name."""
        definition = self.rows["plan"][key]["definition"]
        return plan_facts(
            definition,
            regions=self.of_provider("region", definition["provider"]),
            machine_types=self.of_provider("machine_type", definition["provider"]),
            modules=[self.rows["module"][key] for key in sorted(self.rows["module"])],
            channels=sorted(self.rows["channel"]),
        )


def read_catalog(folder: Path = DATA) -> Catalog:
    """Read every file of a folder; raises CatalogInvalidError with every fault that a file has by itself."""
    catalog = Catalog()
    documents = _documents(folder, catalog.faults)
    if catalog.faults:
        raise CatalogInvalidError(catalog.faults)
    for document in documents:
        _add_rows(catalog, document)
    if catalog.faults:
        raise CatalogInvalidError(catalog.faults)
    return catalog


def read_release(folder: Path, key: str) -> Row | None:
    """Read one release's file, None where there is none; raises CatalogInvalidError with what is wrong with it."""
    path = folder / "releases" / f"{key}.yaml"
    if not path.is_file():
        return None
    document = read_document(folder, path)
    if faults := _shape_faults(document, *FOLDERS["releases"], path.stem):
        raise CatalogInvalidError(faults)
    return release_row(document.data)


def digest(definition: Mapping[str, Any]) -> str:
    """SHA-256 of a definition, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


def _documents(folder: Path, faults: list[FileFault]) -> list[Document]:
    if not folder.is_dir():
        faults.append(FileFault(str(folder), 1, "folder_missing", "there is no such folder; check --dir."))
        return []
    documents = []
    for path in sorted(folder.rglob("*.yaml")) + sorted(folder.rglob("*.yml")):
        name = path.relative_to(folder).as_posix()
        parent, _, _ = name.rpartition("/")
        shape, key = (FILES[name], "") if name in FILES else FOLDERS.get(parent, ({}, ""))
        if not shape or path.suffix == ".yml":
            known = ", ".join([*FILES, *(f"{entry}/*.yaml" for entry in FOLDERS)])
            faults.append(
                FileFault(name, 1, "file_unknown", f"the catalog has no such file; it has {known}.")
            )
            continue
        try:
            document = read_document(folder, path)
        except CatalogInvalidError as error:
            faults.extend(error.faults)
            continue
        faults.extend(_shape_faults(document, shape, key, path.stem))
        documents.append(document)
    present = {path.relative_to(folder).as_posix() for path in folder.glob("*.yaml")}
    missing = sorted(set(FILES) - present)
    faults += [FileFault(name, 1, "file_missing", "the catalog needs this file; add it.") for name in missing]
    return documents


def _shape_faults(document: Document, shape: Shape, key: str, stem: str) -> list[FileFault]:
    found = find_faults(shape, document.data, root="")
    if found:
        return [document.fault(fault.path, fault.code, fault.detail) for fault in found]
    if key and document.data[key] != stem:
        detail = f"{key} is {document.data[key]}, but the file is named {stem}.yaml; let them be the same."
        return [document.fault((key,), "file_misnamed", detail)]
    return []


def _add_rows(catalog: Catalog, document: Document) -> None:
    data, kind = document.data, document.file.split("/", maxsplit=1)[0].removesuffix(".yaml")
    if kind in ("regions", "machines"):
        field_name, row_kind = (
            ("regions", "region") if kind == "regions" else ("machine_types", "machine_type")
        )
        for index, entry in enumerate(data[field_name]):
            row = {"provider": data["provider"], **entry}
            full = row if kind == "regions" else _machine_row(row)
            catalog.add(row_kind, f"{data['provider']}/{entry['name']}", full, document, (field_name, index))
    elif kind == "kubernetes":
        for index, entry in enumerate(data["versions"]):
            row = {"expires_on": None, **entry}
            catalog.add("kubernetes_version", entry["version"], row, document, ("versions", index))
    elif kind == "modules":
        for index, entry in enumerate(data["modules"]):
            _add_module(catalog, entry, document, ("modules", index))
    elif kind == "channels":
        for index, entry in enumerate(data["channels"]):
            row = {"key": entry["key"], "release_id": entry["release"], "declared": entry["release"]}
            catalog.add("channel", entry["key"], row, document, ("channels", index))
    elif kind == "releases":
        catalog.add("release", data["key"], release_row(data), document, ())
    else:
        catalog.add("plan", data["key"], _plan_row(data), document, ())


def _add_module(catalog: Catalog, entry: Row, document: Document, path: tuple[str | int, ...]) -> None:
    plain = {name: value for name, value in entry.items() if name != "versions"}
    catalog.add("module", entry["key"], {"mandatory": False, **plain}, document, path)
    for index, version in enumerate(entry.get("versions", ())):
        row = module_version_row(entry["key"], version)
        catalog.add("module_version", row["key"], row, document, (*path, "versions", index))


def _machine_row(row: Row) -> Row:
    full = {"gpus": 0, "gpu_model": "", "architecture": "amd64", "zones": {}, **row}
    return full | {"memory_gib": memory_text(row["memory_gib"])}


def memory_text(memory_gib: object) -> str:
    """A size as the table and the file both write it: without trailing zeros."""
    return f"{Decimal(str(memory_gib)).normalize():f}"


def release_row(data: Row) -> Row:
    """Return a release as the table and the file both say it."""
    return {
        "key": data["key"],
        "kubernetes_version_id": ".".join(data["kubernetes"].split(".")[:2]),
        "kubernetes_patch": data["kubernetes"],
        "machine_image": data["machine_image"],
        "modules": data["modules"],
        "notes": data.get("notes", ""),
        "known_issues": data.get("known_issues", []),
        "requires": data.get("requires", []),
        "end_of_life": data.get("end_of_life"),
        "draft": data.get("draft", False),
    }


def _plan_row(data: Row) -> Row:
    columns = ("key", "name", "description", "provider", "landscape_kind", "position", "state")
    return {**{column: data[column] for column in columns}, "definition": data, "digest": digest(data)}
