"""The command line's sentences in Spanish, by the English that stands in the code. A test keeps it whole."""

from __future__ import annotations

from portazgo.cli.spanish_failing import FAILING

SENTENCES = {
    **FAILING,
    "{answers} answers are of versions that this database does not know: their fields can't be told.": (
        "{answers} respuestas son de versiones que esta base de datos no conoce: no se puede decir qué campos llevaban."
    ),
    "{count} records are in the object store, on their way to the ledger.": (
        "{count} registros están en el almacén de objetos, camino del libro."
    ),
    "{count} segments can't come into the ledger: the worker's log names them.": (
        "{count} segmentos no pueden entrar en el libro: el registro del worker los nombra."
    ),
    "It is sealed, and never shown again. See whether it works: portazgo backend test {name}": (
        "Queda sellada y no se vuelve a mostrar. Comprueba si funciona: portazgo backend test {name}"
    ),
    "Remove the service credential of {name}? Calls that need its token are refused.": (
        "¿Quitar la credencial de servicio de {name}? Se rechazarán las llamadas que necesiten su token."
    ),
    # cli/session.py, cli/noun.py
    "Error": "Error",
    "there is no admin token in {file} ({why})": "no hay ningún token de administración en {file} ({why})",
    "Start Portazgo here first (`portazgo up`), or name the file with PORTAZGO_ADMIN_TOKEN_FILE.": (
        "Arranca Portazgo aquí primero (`portazgo up`), o indica el archivo con PORTAZGO_ADMIN_TOKEN_FILE."
    ),
    "the settings are wrong:\n{problem}": "la configuración no es correcta:\n{problem}",
    "{url} can't be reached: {why}": "no se puede llegar a {url}: {why}",
    "Is it running? `portazgo up` starts it here; PORTAZGO_CONTROL_URL names another.": (
        "¿Está en marcha? `portazgo up` lo arranca aquí; PORTAZGO_CONTROL_URL indica otro."
    ),
    "Did you mean {near!r}?": "¿Quisiste decir {near!r}?",
    "nobody can be asked: {question}": "no hay a quién preguntar: {question}",
    "Say --yes when it is meant.": "Indica --yes si es lo que quieres.",
    "nothing was done": "no se ha hecho nada",
    "Removed {name}.": "{name}: eliminado.",
    "There are more: --limit sets how many are shown.": "Hay más: --limit fija cuántos se muestran.",
    "Parquet is no text for a terminal": "Parquet no es texto para un terminal",
    "Write it into a file: portazgo usage report … -o parquet > usage.parquet": (
        "Escríbelo en un archivo: portazgo usage report … -o parquet > usage.parquet"
    ),
    "--limit is for what is not a file: {files} hold all rows": (
        "--limit no vale para archivos: {files} contienen todas las filas"
    ),
    "Nothing there yet.": "Todavía no hay nada.",
    "yes": "sí",
    "no": "no",
    # cli/wrapping.py
    "What seals now is not known: {why}.": "No se sabe qué sella ahora: {why}.",
    "{name} seals now; {count} secrets were sealed by others.": "{name} sella ahora; otros sellaron {count} secretos.",
    "Seal every secret anew with what PORTAZGO_WRAPPING names?": (
        "¿Sellar de nuevo todos los secretos con lo que indica PORTAZGO_WRAPPING?"
    ),
    "{file} can't be written ({why})": "{file} no se puede escribir ({why})",
    "{file} is there already": "{file} ya existe",
    "Keep a copy of {file} apart from the backups: what it seals can't be read without it.": (
        "Guarda una copia de {file} aparte de las copias de seguridad: sin ella no se puede leer lo que sella."
    ),
    "{done} of {total} secrets are sealed anew.": "{done} de {total} secretos están sellados de nuevo.",
    "It waits: {why}.": "Espera: {why}.",
    # cli/remedies.py
    "Extend or end its grace (`portazgo key rotation extend`, `end`), or take the rotation back with `cancel`, also "
    "when the new key is lost. `portazgo key rotate --end-retiring` ends the old secret and rotates in one step.": (
        "Amplía o termina su plazo (`portazgo key rotation extend`, `end`), o deshaz la rotación con `cancel`, también "
        "si se ha perdido la clave nueva. `portazgo key rotate --end-retiring` termina el secreto anterior y rota de una vez."
    ),
    "Somebody was faster: look at `portazgo key show`, and decide anew.": (
        "Alguien se adelantó: mira `portazgo key show` y decide de nuevo."
    ),
    "Let that caller take the new key first, or end the old secret all the same, without --unless-used-within.": (
        "Deja que quien llama tome antes la clave nueva, o termina igualmente el secreto anterior, sin --unless-used-within."
    ),
    "`portazgo key show` shows the key's secrets; what has ended stays dead.": (
        "`portazgo key show` muestra los secretos de la clave; lo que terminó no vuelve."
    ),
    "Make a new key: `portazgo key create`.": "Crea una clave nueva: `portazgo key create`.",
    "Make a new key (`portazgo key create`), or move its end: `portazgo key change --expires`.": (
        "Crea una clave nueva (`portazgo key create`), o cambia su fin: `portazgo key change --expires`."
    ),
    "Revoke it first: `portazgo key revoke`.": "Revócala antes: `portazgo key revoke`.",
    "Wait for its end: `portazgo pepper list` shows how far it is.": (
        "Espera a que termine: `portazgo pepper list` muestra por dónde va."
    ),
    # cli/find.py
    "there is no {thing} {text!r}": "no existe {thing} {text!r}",
    "{count} are called {text!r}: {ids}": "hay {count} que se llaman {text!r}: {ids}",
    "Write `{parent}/{text}`, or the id.": "Escribe `{parent}/{text}`, o el id.",
    "Write the id.": "Escribe el id.",
    "this is no kid: 10 letters and digits, such as 7hK2mQ9xTb": (
        "esto no es un kid: son 10 letras y cifras, como 7hK2mQ9xTb"
    ),
    "`{command}` lists them.": "`{command}` los enumera.",
    "There is none at all yet: `{command}` makes one.": "Todavía no hay ninguno: `{command}` crea uno.",
    # The nouns
    "This is the only time that the secret is shown: keep it now, and give it to the backend by a safe way.": (
        "Es la única vez que se muestra el secreto: guárdalo ahora y dáselo al backend por una vía segura."
    ),
    "It signs when you say so, once the backend holds it: portazgo issuer key sign {kid}": (
        "Firmará cuando lo indiques, una vez que el backend lo tenga: portazgo issuer key sign {kid}"
    ),
    "portazgo issuer key list shows what it waits for.": "portazgo issuer key list muestra a qué espera.",
    "Remove the partner {name}?": "¿Eliminar el socio {name}?",
    "Remove the application {name}?": "¿Eliminar la aplicación {name}?",
    "No login at {backend} ({environment}) for {whose} on the node {node} since {since}, tried last {last}: {why}": (
        "No hay inicio de sesión en {backend} ({environment}) para {whose} en el nodo {node} desde {since}, "
        "último intento {last}: {why}"
    ),
    "Remove the backend {name}?": "¿Eliminar el backend {name}?",
    "Remove the API {name}?": "¿Eliminar la API {name}?",
    "Remove the contract {name} and all its versions?": "¿Eliminar el contrato {name} y todas sus versiones?",
    "Retire {name}? It can't be served again.": "¿Retirar {name}? No podrá volver a servirse.",
    "It breaks partners.": "Rompe a los socios.",
    "It breaks nobody.": "No rompe a nadie.",
    "Unpinned from {name}.": "Desfijado de {name}.",
    "nothing of {name} is published yet": "todavía no hay nada publicado de {name}",
    "`{command}` does it.": "`{command}` lo hace.",
    "{name} has no version {version}": "{name} no tiene la versión {version}",
    "a contract is a mapping": "un contrato es un mapa",
    "draft": "borrador",
    "Contract": "Contrato",
    "published": "publicada",
    "deprecated": "obsoleta",
    "retired": "retirada",
    "It is a draft: partners see nothing of it before `{command}`.": (
        "Es un borrador: los socios no ven nada de él antes de `{command}`."
    ),
    "What is served stays as it is. `{command}` says what publishing it would change.": (
        "Lo que se sirve queda como está. `{command}` dice qué cambiaría al publicarlo."
    ),
    "Its routes serve it from now on. `{command}` is what partners read.": (
        "Sus rutas la sirven desde ahora. `{command}` es lo que leen los socios."
    ),
    "Nobody is served by it yet: `{default}` serves it to all, `{pin}` to some.": (
        "Todavía no se sirve a nadie: `{default}` la sirve a todos, `{pin}` a algunos."
    ),
    "Left out: {operation}. {why}": "Queda fuera: {operation}. {why}",
    "no version of {name} serves that application": "ninguna versión de {name} sirve a esa aplicación",
    "Name one, {name}@…; `{command}` lists them.": "Indica una, {name}@…; `{command}` las muestra.",
    "Pinned to {version}.": "Fijado a {version}.",
    "{name} has {count} versions: say which": "{name} tiene {count} versiones: indica cuál",
    "Whom it serves, and their calls of the last 30 days:": "A quién sirve, y sus llamadas de los últimos 30 días:",
    "To whom it gave answers, this month and the last:": "A quién dio respuestas, este mes y el anterior:",
    "What partners see of its APIs:": "Qué ven los socios de sus API:",
    "From … to …: callers asked for some fields only (`?fields=`), and which is not recorded.": (
        "De … a …: quien llamó pidió solo algunos campos (`?fields=`), y no se registra cuáles."
    ),
    "{file} can't be read: {problem}": "no se puede leer {file}: {problem}",
    "Let the bodies of {name} pass as the backend has them?": (
        "¿Dejar pasar los cuerpos de {name} tal como los tiene el backend?"
    ),
    "Remove the schema {name}?": "¿Eliminar el esquema {name}?",
    "{outcome}: version {version}, {count} operations.": "{outcome}: versión {version}, {count} operaciones.",
    "Would be {what}": "Sería: {what}",
    "a member of unknown name": "un miembro de nombre desconocido",
    "Nothing differs in the answers that were looked at.": "Nada difiere en las respuestas que se miraron.",
    "Remove the route {name}?": "¿Eliminar la ruta {name}?",
    "Remove the plan {name}?": "¿Eliminar el plan {name}?",
    "Would be: {counts}.": "Sería: {counts}.",
    "Done: {counts}.": "Hecho: {counts}.",
    "Warning: {warning}": "Aviso: {warning}",
    "Withdraw the signing key {kid}? Backends refuse its tokens from now on.": (
        "¿Retirar la clave de firma {kid}? Los backends rechazarán sus tokens desde ahora."
    ),
    "Backends that cached the key set may accept its tokens for a few minutes still.": (
        "Los backends que guardan el juego de claves pueden aceptar sus tokens unos minutos más."
    ),
    "The worker moves the secrets; `portazgo pepper list` shows how far it is.": (
        "El worker traslada los secretos; `portazgo pepper list` muestra por dónde va."
    ),
    "It is not over yet, and goes on without you.": "Todavía no ha terminado, y sigue sin ti.",
    "Secrets moved": "Secretos trasladados",
    "Every other secret has moved. `portazgo pepper show {version}` names the rest.": (
        "Todos los demás secretos se han trasladado. `portazgo pepper show {version}` indica el resto."
    ),
    "What is kept of them can't be opened, so no other pepper can take them. They go on working. Rotate their keys: the "
    "old pepper goes once the old secrets are over. Of a dead key, delete it.": (
        "Lo que se guarda de ellos no se puede abrir, así que ningún otro pepper puede acogerlos. Siguen funcionando. Rota "
        "sus claves: el pepper antiguo desaparece cuando los secretos antiguos hayan terminado. Si una clave está muerta, "
        "elimínala."
    ),
    "{file} is no text in UTF-8: save it as such.": "{file} no es texto en UTF-8: guárdalo como tal.",
    "Line {line} was left out: {why}.": "La línea {line} se dejó fuera: {why}.",
    "Keys made: {made}; there already: {there}.": "Claves creadas: {made}; ya existentes: {there}.",
    "Nothing was imported: it was a dry run.": "No se importó nada: era una prueba.",
    "{file} may hold whole keys: delete it, and its copies, once the import works.": (
        "{file} puede contener claves enteras: bórralo, con sus copias, cuando la importación funcione."
    ),
    "Retire the node {name} for good?": "¿Dar de baja el nodo {name} para siempre?",
    "End the node token {name}? Nodes that use it are not let in any more.": (
        "¿Anular el token de nodo {name}? Los nodos que lo usan dejarán de tener acceso."
    ),
    "End the admin token {name}?": "¿Anular el token de administración {name}?",
    "Remove the webhook endpoint {name}?": "¿Eliminar el destino de webhooks {name}?",
    "`portazgo webhook delivery list --endpoint {name}` tells how it went.": (
        "`portazgo webhook delivery list --endpoint {name}` dice cómo fue."
    ),
    "This is the only time that the secret is shown: its receiver checks with it who sent a message.": (
        "Es la única vez que se muestra el secreto: quien recibe comprueba con él quién envió un mensaje."
    ),
    "The whole key": "La clave entera",
    "This is no key of this deployment: its form or its check sum is wrong, and it was not imported.": (
        "Esto no es una clave de esta instalación: la forma o la suma de control no es correcta, y no fue importada."
    ),
    "The secret is not one of the key's: it may have been rotated away. Nothing was done.": (
        "El secreto no es de esta clave: puede que ya se haya rotado. No se ha hecho nada."
    ),
    "The secret that leaked ends at {time}: rotate the key before, or it ends with it.": (
        "El secreto filtrado termina a las {time}: rota la clave antes, o terminará con él."
    ),
    "What leaked is dead. `portazgo key propagation {kid} --wait` proves it.": (
        "Lo filtrado está muerto. `portazgo key propagation {kid} --wait` lo demuestra."
    ),
    "It was reported before. Nothing more was done.": "Ya se había avisado de ella. No se ha hecho nada más.",
    "Its owners are told; nothing else was done.": "Se avisa a sus dueños; no se ha hecho nada más.",
    "This is the only time that the key is shown: keep it now, and hand it over by a safe way.": (
        "Es la única vez que se muestra la clave: guárdala ahora y entrégala por un medio seguro."
    ),
    "This is the only time that the token is shown: keep it in a file that only the node may read.": (
        "Es la única vez que se muestra el token: guárdalo en un archivo que solo el nodo pueda leer."
    ),
    "This is the only time that the token is shown: keep it in a file that only its user may read.": (
        "Es la única vez que se muestra el token: guárdalo en un archivo que solo su usuario pueda leer."
    ),
    "Revoke the key {kid} ({name}) for ever?": "¿Revocar la clave {kid} ({name}) para siempre?",
    "Delete the key {kid} ({name})?": "¿Eliminar la clave {kid} ({name})?",
    "`portazgo key propagation {kid} --wait` proves it, node by node.": (
        "`portazgo key propagation {kid} --wait` lo demuestra, nodo por nodo."
    ),
    "Proven: no node is left that serves what was before.": "Demostrado: ningún nodo sirve ya lo anterior.",
    "Not proven: {nodes} may still serve what was before.": "Sin demostrar: {nodes} aún puede servir lo anterior.",
    "How long tokens live that were fetched from {names} is not known here; their own answers say it.": (
        "Aquí no se sabe cuánto viven los tokens obtenidos de {names}; lo dicen sus propias respuestas."
    ),
    "Tokens that backends still hold end at {time} at the latest.": (
        "Los tokens que aún tengan los backends terminan a más tardar a las {time}."
    ),
    # cli/revoking.py
    "{count} keys would die.": "Morirían {count} claves.",
    "Revoke all {count} keys of {name} for ever?": "¿Revocar para siempre las {count} claves de {name}?",
    "{count} keys were revoked.": "Se revocaron {count} claves.",
    # cli/audit.py
    "Erase who and what from audit row {number} for good?": (
        "¿Borrar para siempre quién y qué de la fila de auditoría {number}?"
    ),
    "{file} can't be read ({why})": "no se puede leer {file} ({why})",
    "Name a file of heads, or write NUMBER:HASH.": "Indica un archivo de cabezas, o escribe NÚMERO:HASH.",
    "The audit is not whole: {count} places of {checked} rows.": (
        "La auditoría no está entera: {count} lugares de {checked} filas."
    ),
    "{checked} rows, each hangs on the one before. No head was written down: a chain made anew would not show.": (
        "{checked} filas, cada una enlazada con la anterior. No hay ninguna cabeza anotada: una cadena rehecha no se notaría."
    ),
    "{checked} rows, each hangs on the one before, and the heads written down stand: {heads}.": (
        "{checked} filas, cada una enlazada con la anterior; cabezas anotadas que coinciden: {heads}."
    ),
    # cli/rotation.py
    "Rotate the key {kid}, and end what works now at once?{last}": (
        "¿Rotar la clave {kid} y terminar de inmediato lo que funciona ahora?{last}"
    ),
    "`portazgo key show {kid}` tells who still uses the old secret.": (
        "`portazgo key show {kid}` dice quién usa aún el secreto antiguo."
    ),
    "End the old secret of the key {kid}?{last}": "¿Terminar el secreto antiguo de la clave {kid}?{last}",
    "Cancel the rotation of the key {kid}? Its new secret dies at once.": (
        "¿Cancelar la rotación de la clave {kid}? Su secreto nuevo muere de inmediato."
    ),
    "number {number}, ended {end}": "número {number}, terminado {end}",
    "number {number}, works until {end}": "número {number}, funciona hasta {end}",
    "{text}; imported, {scheme}": "{text}; importado, {scheme}",
    "number {number}, since {since}": "número {number}, desde {since}",
    "nobody since the rotation": "nadie desde la rotación",
    "{address} ({agent}): {calls} calls, {refused} refused; last {ago} ago, {route}": (
        "{address} ({agent}): {calls} llamadas, {refused} rechazadas; la última hace {ago}, {route}"
    ),
    "Nobody has used it since the rotation.": "Nadie lo ha usado desde la rotación.",
    "It was used {ago} ago from {address} ({agent}).": "Se usó hace {ago} desde {address} ({agent}).",
    "The sums are not those of the records: {collected} calls were collected, the sums say {sums}.": (
        "Las sumas no son las de los registros: se recogieron {collected} llamadas y las sumas dicen {sums}."
    ),
    "Records may be missing: {gaps} epochs in this range don't balance. `portazgo usage balance` names them.": (
        "Puede que falten registros: {gaps} épocas de este periodo no cuadran. `portazgo usage balance` las nombra."
    ),
    "All others of calls that ended before {moment} are in.": (
        "Los demás de llamadas terminadas antes de {moment} ya están."
    ),
    "Records of calls that ended after {moment} may still come.": (
        "Todavía pueden llegar registros de llamadas terminadas después de {moment}."
    ),
    "Every record is accounted for.": "Todos los registros cuadran.",
    "Records are missing, or may be: {count} that had a number.": "Faltan registros, o puede que falten: {count} con número.",
    "{count} records were dropped, kept long enough, before they were in the lake; they count as in the lake.": (
        "{count} registros se descartaron, cumplido su plazo, antes de llegar al lago; cuentan como si estuvieran en él."
    ),
    "And {epochs} more that are whole, {records} records together.": (
        "Y {epochs} más que están enteras, {records} registros en total."
    ),
    "Nothing is missing so far, and not everything that is under way has come in time.": (
        "Hasta ahora no falta nada, pero no todo lo que está en camino llegó a tiempo."
    ),
    "Nothing is missing; {count} records are under way.": "No falta nada; {count} registros están en camino.",
    "Count the epoch {epoch} as settled, without the records that are missing?": (
        "¿Dar por cerrada la época {epoch}, sin los registros que faltan?"
    ),
    "Declare that the node {name} and its disk are gone?": "¿Declarar que el nodo {name} y su disco se han perdido?",
    "`portazgo usage accept-gap EPOCH` settles it; `portazgo node retire` keeps it from coming back.": (
        "`portazgo usage accept-gap ÉPOCA` lo da por cerrado; `portazgo node retire` impide que vuelva."
    ),
    "{rows} records in {files} files in {store}; {records} more wait in {segments} segments.": (
        "{rows} registros en {files} archivos en {store}; otros {records} esperan en {segments} segmentos."
    ),
    # cli/recover.py
    "any node": "algún nodo",
    "Waiting up to {seconds} s for {names} …": "Esperando hasta {seconds} s a {names} …",
    "Close these {count} again, and begin a new history?": "¿Volver a cerrar estos {count} y empezar una historia nueva?",
    "Start the control plane now; nodes take its snapshot by themselves.": (
        "Arranca ahora el plano de control; los nodos toman su instantánea por sí mismos."
    ),
    "not every node has told what it knows: {names}; a key that only they know as revoked would live on others": (
        "no todos los nodos han contado lo que saben: {names}; una clave que solo ellos saben revocada viviría en otros"
    ),
    "Start them, name their folders with --node-folder, or go on with --without-silent.": (
        "Arráncalos, indica sus carpetas con --node-folder o continúa con --without-silent."
    ),
    "nodes follow a history that this database does not know: {names}": (
        "hay nodos que siguen una historia que esta base de datos no conoce: {names}"
    ),
    "When it is this deployment's, of a time after the backup: --adopt-history ID. Else: --without NODE.": (
        "Si es de este despliegue, de después de la copia: --adopt-history ID. Si no: --without NODO."
    ),
    "there is nothing to recover: no node knows more than the database": (
        "no hay nada que recuperar: ningún nodo sabe más que la base de datos"
    ),
    "Start the control plane; the nodes follow it by themselves.": (
        "Arranca el plano de control; los nodos lo siguen por sí mismos."
    ),
    "What nodes told:": "Lo que contaron los nodos:",
    "Told nothing:": "No contaron nada:",
    "Closed again:": "Se vuelve a cerrar:",
    "Perhaps rotated since the backup; the pepper was changed, so look yourself:": (
        "Quizá rotadas desde la copia; se cambió la pimienta, así que míralas tú:"
    ),
    "Imported, revoked and lost (a file that holds them will be refused):": (
        "Importadas, revocadas y perdidas (se rechazará un archivo que las contenga):"
    ),
    "Opened since the backup, and left closed:": "Abierto desde la copia, y se deja cerrado:",
    "Made since the backup, and lost (their keys stop working):": (
        "Creado desde la copia, y perdido (sus claves dejan de funcionar):"
    ),
    "Revoked, and unknown to the database (written to revocations.log):": (
        "Revocadas, y desconocidas para la base de datos (se anotan en revocations.log):"
    ),
    "Erased, and unknown to the database (written to revocations.log):": (
        "Borradas, y desconocidas para la base de datos (se anotan en revocations.log):"
    ),
    "and {count} more (-o json shows all)": "y {count} más (-o json lo muestra todo)",
    # cli/trace.py, cli/trace_page.py
    "there is no fault {code!r}": "no existe el fallo {code!r}",
    "docs/faults.md lists them.": "docs/faults.md los enumera.",
    "{text!r} is no request id": "{text!r} no es un id de petición",
    "It stands in the answer's X-Request-Id, and in `instance` of a problem document.": (
        "Está en X-Request-Id de la respuesta, y en `instance` de un documento de problema."
    ),
    "At least {count} calls agree.": "Al menos {count} llamadas coinciden.",
    "{count} calls agree.": "{count} llamadas coinciden.",
    "Some records are too old to be followed: list them.": (
        "Algunos registros son demasiado antiguos para seguirlos: lístalos."
    ),
    "{records} records are too old to be followed: list them.": (
        "{records} registros son demasiado antiguos para seguirlos: lístalos."
    ),
    "The control plane answers again.": "El plano de control responde de nuevo.",
    "The control plane doesn't answer; this goes on when it does.": (
        "El plano de control no responde; esto sigue cuando responda."
    ),
    "Answered {status} in {ms} ms.": "Se respondió {status} en {ms} ms.",
    "Next: {step}": "Siguiente paso: {step}",
    "Whose move": "A quién le toca",
    "the caller's: the request is to be changed": "a quien llama: hay que cambiar la petición",
    "the caller's network: the way to the gateway broke": "a la red de quien llama: el camino a la pasarela se cortó",
    "the operator's, at the caller's wish: a rule that was set refused it": (
        "al operador, a petición de quien llama: lo rechazó una regla establecida"
    ),
    "Portazgo's": "a Portazgo",
    "the backend's: whoever runs it": "al backend: a quien lo opera",
    "whoever runs the network between gateway and backend": "a quien opera la red entre pasarela y backend",
    "whoever runs what Portazgo runs on: disk, clock, key provider": (
        "a quien opera lo que sostiene a Portazgo: disco, reloj, proveedor de claves"
    ),
    "nobody's: it went well": "a nadie: fue bien",
    "Fault": "Fallo",
    "{fault}, in {phase}": "{fault}, en {phase}",
    "When": "Cuándo",
    "Request": "Petición",
    "theirs": "el suyo",
    "Trace id": "Id de traza",
    "Call": "Llamada",
    "no route": "sin ruta",
    "Caller": "Quien llama",
    "not known": "no se sabe",
    "erased": "borrada",
    "Destroy what the records of {name} say of its callers? Nothing brings it back.": (
        "¿Destruir lo que los registros de {name} dicen de quienes llaman? Nada lo recupera."
    ),
    "unavailable: the key-wrapping provider can't be asked now": (
        "no disponible: ahora no se puede preguntar al proveedor que envuelve las claves"
    ),
    "Key": "Clave",
    "tag of the secret": "etiqueta del secreto",
    "Broken by": "Incumplido por",
    "`portazgo trace list --secret-tag TAG` lists the refused calls that presented it.": (
        "`portazgo trace list --secret-tag TAG` muestra las llamadas rechazadas que lo presentaron."
    ),
    "its retiring secret": "su secreto saliente",
    "claimed to be {kid}, not proven": "dice ser {kid}, sin demostrar",
    "Answer": "Respuesta",
    "delivery": "entrega",
    "received": "recibido",
    "Backend": "Backend",
    "not called": "no se llamó",
    "no status": "sin estado",
    "1 attempt": "1 intento",
    "{count} attempts": "{count} intentos",
    "Billed": "Facturada",
    "Node": "Nodo",
    "Stands for": "Representa",
    "{count} refusals ({kind})": "{count} rechazos ({kind})",
    "Timeline": "Cronología",
    "reached": "llegó a los",
    "took": "duró",
    "forward, wait": "reenvío, espera",
    "first byte": "primer byte",
    # cli/declarative.py, cli/plan_output.py
    "{file} is fine.": "{file} está bien.",
    "1 problem in {file}": "1 problema en {file}",
    "{count} problems in {file}": "{count} problemas en {file}",
    "Name the file with --file, or write one: `portazgo export` makes it of what exists.": (
        "Indica el archivo con --file, o escribe uno: `portazgo export` lo hace de lo que existe."
    ),
    "Apply this?": "¿Aplicarlo?",
    "Applied ({number}): nothing but who owns what.": "Aplicado ({number}): solo de quién es cada cosa.",
    "Applied ({number}) as revision {revision}.": "Aplicado ({number}) como revisión {revision}.",
    "Back to what apply {number} left:": "De vuelta a lo que dejó la aplicación {number}:",
    "The file still says otherwise: `portazgo diff` shows it.": (
        "El archivo sigue diciendo otra cosa: `portazgo diff` lo muestra."
    ),
    "{created} to create, {changed} to change, {deleted} to delete.": (
        "{created} por crear, {changed} por cambiar, {deleted} por eliminar."
    ),
    "No differences.": "No hay diferencias.",
    "Exposes": "Expone",
    "Breaks": "Rompe",
    "The rest": "El resto",
    "Takes over, though no apply of this file made it:": "Toma a su cargo, aunque no lo creó este archivo:",
    "Lets go of, and leaves as it is:": "Suelta, y deja como está:",
    "to {names}": "a {names}",
    "to nobody yet": "a nadie todavía",
    "for {names}": "para {names}",
    "{names} and {count} more": "{names} y {count} más",
}
