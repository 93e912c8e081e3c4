"""Which names of the backend's no message to a partner may tell: those that are in none of its own documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from portazgo.contracts.schema.shapes import Body, Schema, SchemaOperation, Shape

# Of the sentences that Django REST framework, Django and pydantic say of any field, in English and in Spanish.
_OF_SENTENCES = """
    address allowed array blank boolean character characters choice choices data date datetime days decimal dictionary digits
    domain duration elements email empty entity entry error exists expected field fields file filename float format greater
    hours image input instance integer invalid item items json key length less limit list match maximum message minimum
    minutes month null number object option options pattern pk point range required seconds selection set size slug string
    text time timezone total true type unique url uuid valid value values year
    archivo cadena campo campos clave correo datos dirección elemento elementos entero fecha fichero formato hora imagen lista
    mensaje nulo número objeto opciones opción segundos texto tiempo tipo único vacío valor valores válido
"""
ORDINARY = frozenset(_OF_SENTENCES.split())
"""Words that, as names, tell nothing."""


def untold(
    operation: SchemaOperation, schema: Schema, told: Iterable[Shape], components: Mapping[str, Shape]
) -> list[str]:
    """Name what the backend's bodies and parameters have and what is told, with these components, has not: sorted."""
    bodies = [operation.request, *operation.answers.values()]
    shapes = [shape for body in bodies for shape in _contents(body)]
    names = {parameter.name for parameter in operation.parameters} | names_in(shapes, schema.components)
    return sorted(name for name in names - names_in(told, components) if name and name.casefold() not in ORDINARY)


def names_in(shapes: Iterable[Shape], components: Mapping[str, Shape]) -> set[str]:
    """Name the members of all objects that values of these shapes may have in them."""
    names: set[str] = set()
    seen: set[str] = set()
    waiting = list(shapes)
    while waiting:
        shape = waiting.pop()
        if shape.ref is not None and shape.ref not in seen:
            seen.add(shape.ref)
            waiting.append(components[shape.ref])
        names.update(shape.properties)
        waiting += shape.inner
    return names


def _contents(body: Body | None) -> Iterable[Shape]:
    return () if body is None else (shape for shape in body.contents.values() if shape is not None)
