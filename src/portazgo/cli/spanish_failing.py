"""More of the command line's sentences in Spanish: of examples and recordings of contracts, and of what failed."""

from __future__ import annotations

FAILING = {
    # cli/route.py
    "as the contract says": "lo que dice el contrato",
    # cli/words.py
    "created": "creado",
    "changed": "cambiado",
    "unchanged": "sin cambios",
    "skipped": "omitido",
    # cli/contract_replay.py
    "Not every version lets these pass:": "No todas las versiones dejan pasar estas:",
    "{recorded} recorded bodies, of {answers} answers and {requests} requests, under {before} and {after}.": (
        "{recorded} cuerpos grabados, de {answers} respuestas y {requests} peticiones, con {before} y con {after}."
    ),
    # cli/contract_examples.py
    "there is no folder {folder}": "no existe la carpeta {folder}",
    "there are no examples of {name} in {folder}": "no hay ejemplos de {name} en {folder}",
    "Write {file}, and what partners must get beside it.": "Escribe {file}, y a su lado lo que deben recibir los socios.",
    "Examples: {count}, of which {failed} failed.": "Ejemplos: {count}, de ellos {failed} fallidos.",
    # cli/complaints.py, cli/main.py
    "Usage": "Uso",
    "Try '{command}' for help.": "Prueba '{command}' para ver la ayuda.",
    "Interrupted.": "Interrumpido.",
    # cli/contract_file.py
    "{file} is no text in UTF-8: its byte {number} is not": "{file} no es texto en UTF-8: su byte {number} no lo es",
    "Save it as UTF-8.": "Guárdalo como UTF-8.",
    "this is a portazgo.yaml, which `portazgo apply` takes: a contract's own file has what stands below its name here": (
        "esto es un portazgo.yaml, para `portazgo apply`: el archivo de un contrato lleva lo que aquí está debajo de su nombre"
    ),
    # cli/contract_replay.py, cli/find.py, cli/partner_view.py
    "the draft": "el borrador",
    "{text} is a version, and this is about the contract": "{text} es una versión, y aquí se trata del contrato",
    "Write {name}.": "Escribe {name}.",
    "no version {name} serves the partner": "ninguna versión {name} sirve al socio",
    # cli/remedies.py
    "It is the one in {file}: wrong, revoked or at its end. PORTAZGO_ADMIN_TOKEN_FILE names another file; "
    "`portazgo token create` makes a token, for whoever has one that may.": (
        "Es el que hay en {file}: erróneo, revocado o caducado. PORTAZGO_ADMIN_TOKEN_FILE indica otro archivo; "
        "`portazgo token create` crea uno, para quien tenga otro que lo permita."
    ),
    "Is this the document's address? The control plane fetches it without a login: else hand it in by --file.": (
        "¿Es esta la dirección del documento? El plano de control lo descarga sin iniciar sesión: si no, "
        "entrégalo con --file."
    ),
    # cli/api.py
    "{created} created, {changed} changed, {unchanged} unchanged, {skipped} skipped": (
        "{created} creadas, {changed} cambiadas, {unchanged} sin cambios, {skipped} omitidas"
    ),
    "{name} is no text in UTF-8": "{name} no es texto en UTF-8",
    "failed": "fallido",
    "refused": "rechazado",
    "fine": "bien",
    "What was expected, and what came:": "Lo esperado, y lo que llegó:",
    "What {version} makes of it, and what comes now:": "Lo que hace {version} de ello, y lo que llega ahora:",
}
