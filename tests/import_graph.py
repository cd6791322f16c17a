"""The rooms of app/ and models/ by their imports: `python -m tests.import_graph` prints them.

A room is a folder with Python files, or a file that lies in `app/` or `models/` itself. A room's floor is the
longest way down from it.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

Edges = dict[str, set[str]]


def source_files() -> list[str]:
    """Python files of both packages, as paths from the root."""
    found = [path for folder in ("app", "models") for path in (ROOT / folder).rglob("*.py")]
    return sorted(str(path.relative_to(ROOT)) for path in found if "artifacts" not in path.parts)


def room_of(file: str) -> str:
    """The room in which a file is."""
    folder, _, _ = file.rpartition("/")
    return file if folder in ("app", "models") else folder


def imports() -> Edges:
    """Files of the two packages that each file imports."""
    known = frozenset(source_files())
    edges: Edges = defaultdict(set)
    for file in known:
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
            for name in _imported(node):
                found = _file_of(name, known)
                if found and found != file:
                    edges[file].add(found)
    return edges


def arrows(edges: Edges) -> Edges:
    """Rooms that each room imports."""
    rooms: Edges = defaultdict(set)
    for file, found in edges.items():
        rooms[room_of(file)] |= {room_of(other) for other in found} - {room_of(file)}
    return rooms


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _file_of(name: str, known: frozenset[str]) -> str | None:
    parts = name.split(".")
    while parts:
        for file in ("/".join(parts) + ".py", "/".join(parts) + "/__init__.py"):
            if file in known:
                return file
        parts.pop()
    return None


def main() -> None:
    """Print each room of app/ with its floor and what it imports, the top first."""
    rooms = {room: found for room, found in arrows(imports()).items() if room.startswith("app")}

    @cache
    def floor(room: str) -> int:
        return 1 + max((floor(other) for other in rooms.get(room, ())), default=0)

    for room in sorted(rooms, key=lambda room: (-floor(room), room)):
        print(f"{floor(room):3} {room:28} {' '.join(sorted(rooms[room]))}")
    names = {room_of(file) for file in source_files() if file.startswith("app/") and "__init__" not in file}
    print(f"{len(names)} rooms, {sum(map(len, rooms.values()))} arrows, {max(map(floor, rooms))} floors")


if __name__ == "__main__":
    main()
