"""Forms of sentences that click and the control plane say whatever the noun, and their Spanish (spanish_told.py)."""

# Forms around others, tried before all others and in this order.
AROUND = {
    "the draft of {name} can't be compiled over this document: {why:parts}": (
        "el borrador de {name} no se puede compilar sobre este documento: {why}"
    ),
    '{what:told}; did you mean "{near}"?': '{what}; ¿quisiste decir "{near}"?',
    "{what:told}; did you mean {near}?": "{what}; ¿quisiste decir {near}?",
    "{what:told} (there is: {known})": "{what} (hay: {known})",
    "Invalid value: {why:told}": "Valor no válido: {why}",
    "Invalid value for {name}: {why:told}": "Valor no válido para {name}: {why}",
    "Could not open file {name}: {why:told}": "No se puede abrir el archivo {name}: {why}",
    "the default does not fit {path} as partners read it: {why:told}": (
        "el valor por defecto no encaja en {path} como lo leen los socios: {why}"
    ),
    "the default does not fit {path}: {why:told}": "el valor por defecto no encaja en {path}: {why}",
    "what fills {path} does not fit: {why:told}": "lo que rellena {path} no encaja: {why}",
    "{name} does not fit {path}: {why:told}": "{name} no encaja en {path}: {why}",
    "the value of {name}: {why:told}": "el valor de {name}: {why}",
    "{path} can't be filled: {why:told}": "{path} no se puede rellenar: {why}",
    "{what:told} (at character {number} of the expression)": "{what} (en el carácter {number} de la expresión)",
    "{what:told} (at {pointer})": "{what} (en {pointer})",
}
ANSWERS = {
    # click
    "No such command {name}.": "No existe el comando {name}.",
    "No such option {name}.": "No existe la opción {name}.",
    "No such option {name}. Did you mean {near}?": "No existe la opción {name}. ¿Quisiste decir {near}?",
    "No such option {name}. (Did you mean one of: {near}?)": (
        "No existe la opción {name}. (¿Quisiste decir una de estas: {near}?)"
    ),
    "Missing argument {name}.": "Falta el argumento {name}.",
    "Missing option {name}.": "Falta la opción {name}.",
    "Missing option {name}. {rest:told}": "Falta la opción {name}. {rest}",
    "Missing argument {name}. {rest:told}": "Falta el argumento {name}. {rest}",
    "Missing command.": "Falta el comando.",
    "Choose from:\n\t{choices}": "Elige entre:\n\t{choices}",
    "Got unexpected extra argument ({words})": "Sobra el argumento ({words})",
    "Got unexpected extra arguments ({words})": "Sobran los argumentos ({words})",
    "Option {name} requires an argument.": "La opción {name} necesita un valor.",
    "Option {name} does not take a value.": "La opción {name} no lleva valor.",
    "File {name} does not exist.": "El archivo {name} no existe.",
    "File {name} is a directory.": "{name} es una carpeta, no un archivo.",
    "File {name} is not readable.": "El archivo {name} no se puede leer.",
    "Directory {name} does not exist.": "La carpeta {name} no existe.",
    "Path {name} does not exist.": "La ruta {name} no existe.",
    "{value} is not one of {choices}.": "{value} no es ninguno de {choices}.",
    "{value} is not a valid integer.": "{value} no es un número entero.",
    "{value} is not a valid integer range.": "{value} no es un número entero.",
    "{value} is not in the range {range}.": "{value} está fuera del rango {range}.",
    "{value} is not a valid UUID.": "{value} no es un UUID.",
    "{name}: {why:told}": "{name}: {why}",
    # What commands of ours say of their arguments.
    "name one of --application, --partner and --plan": "indica una de --application, --partner y --plan",
    "give --file or --name": "indica --file o --name",
    "give either --url or --file": "indica --url o --file, una de las dos",
    "compare two versions of one contract: CONTRACT@VERSION, and CONTRACT@VERSION or nothing": (
        "compara dos versiones de un mismo contrato: CONTRATO@VERSIÓN, y CONTRATO@VERSIÓN o nada"
    ),
    "what never ends is no document: use -o jsonl": "lo que no acaba no es un documento: usa -o jsonl",
    "{value} is neither a duration such as 90d nor a time such as 2026-12-31T00:00:00Z": (
        "{value} no es ni una duración como 90d ni un momento como 2026-12-31T00:00:00Z"
    ),
    "{value} is no duration such as 30s, 10m, 1h or 7d": "{value} no es una duración como 30s, 10m, 1h o 7d",
    "{value} is no pair of prefixes such as /api=/v1": "{value} no es un par de prefijos como /api=/v1",
    "{value} is no name=value": "{value} no es nombre=valor",
    # The system
    "{name}: No such file or directory": "{name}: no existe el archivo o la carpeta",
    "there is no such file": "no existe",
    "it has more than {count} bytes": "tiene más de {count} bytes",
    "byte {number} is not UTF-8": "su byte {number} no es UTF-8",
    "{file} can't be read ({why:told})": "no se puede leer {file} ({why})",
    "No such file or directory": "no existe el archivo o la carpeta",
    "Permission denied": "permiso denegado",
    "Connection refused": "conexión rechazada",
    "[Errno {number}] {why:told}": "{why}",
    "timed out": "no respondió a tiempo",
    "{name} is no setting": "{name} no es un ajuste",
    # Kinds of values
    "text": "texto",
    "a text": "un texto",
    "a number": "un número",
    "a list": "una lista",
    "a list of texts": "una lista de textos",
    "a mapping": "un mapa",
    "true or false": "verdadero o falso",
    "nothing": "nada",
    # The control plane, of any noun
    "the request is not valid": "la petición no es válida",
    "this is no name: 1 to 63 small letters, digits and hyphens": (
        "esto no es un nombre: de 1 a 63 letras minúsculas, cifras y guiones"
    ),
    "this is no scope: letters, digits and . _ : / -": "esto no es un ámbito: letras, cifras y . _ : / -",
    "this has a character that can't be shown, such as a line break": (
        "esto tiene un carácter que no se puede mostrar, como un salto de línea"
    ),
    "this is no URL: it begins with http:// or https://": "esto no es una URL: empieza por http:// o https://",
    "this is no URL: it begins with http:// or https://, and has no blanks": (
        "esto no es una URL: empieza por http:// o https://, y no tiene espacios"
    ),
    "this is no month, such as 2026-11": "esto no es un mes, como 2026-11",
    "there is already a {thing:told} named {name}": "ya existe {thing} de nombre {name}",
    "there is already an {thing:told} named {name}": "ya existe {thing} de nombre {name}",
    "choose another name": "elige otro nombre",
    "the {thing:told} is still in use by {count} {users:told}: {names}": "{thing}: todavía en uso por {count} {users}: {names}",
    "remove these {users} first": "elimina antes lo que lo usa",
    "remove this {user} first": "elimina antes lo que lo usa",
    "there is no {thing:told} {name}": "no existe {thing} {name}",
    "the admin token is not valid": "el token de administración no es válido",
    "no admin token was sent": "no se envió ningún token de administración",
    "say as which partner: this token is not one partner's": (
        "di como qué socio (--partner): este token no es de un solo socio"
    ),
    "the token {name} may not {what:told}": "el token {name} no puede {what}",
    "create {what:told}": "crear {what}",
    "read {what:told}": "leer {what}",
    "change {what:told}": "cambiar {what}",
    "delete {what:told}": "eliminar {what}",
    "use a token with the scope {scope}": "usa un token con el ámbito {scope}",
    "use a token that is not of one partner only": "usa un token que no sea de un solo socio",
    "another change came between: a name, a place or a dependency was taken meanwhile": (
        "se adelantó otro cambio: entretanto se ocupó un nombre, un lugar o una dependencia"
    ),
    "look at what is there now, and try again": "mira lo que hay ahora y prueba otra vez",
    "the database does not answer": "la base de datos no responde",
    # Nouns
    "partner": "socio",
    "application": "aplicación",
    "applications": "aplicaciones",
    "backend": "backend",
    "route": "ruta",
    "routes": "rutas",
    "plans": "planes",
    "schema": "esquema",
    "schemas": "esquemas",
    "contract": "contrato",
    "contracts": "contratos",
    "issuer": "emisor",
    "node": "nodo",
    "key": "clave",
    "keys": "claves",
    "member": "miembro",
    "recordings": "grabaciones",
    "usage": "uso",
    "string": "texto",
    "integer": "entero",
    "number": "número",
    "boolean": "booleano",
    "array": "lista",
    "object": "objeto",
    # OpenAPI documents
    "{url} answered {status}": "{url} respondió {status}",
    "the host {name} is not known": "no se conoce el host {name}",
    "the document is not an object": "el documento no es un objeto",
    "the document must be OpenAPI 3.0 or 3.1: it says none": "el documento debe ser OpenAPI 3.0 o 3.1: no dice ninguna versión",
    "the document must be OpenAPI 3.0 or 3.1: it says {version}": "el documento debe ser OpenAPI 3.0 o 3.1: dice {version}",
    "the document is neither JSON nor YAML: {why:told} (line {line})": (
        "el documento no es ni JSON ni YAML: {why} (línea {line})"
    ),
    "the document is not UTF-8": "el documento no es UTF-8",
    "the document has no operation {name}": "el documento no tiene la operación {name}",
    "no operation of the document has the tag {name}": "ninguna operación del documento tiene la etiqueta {name}",
    "no operation of the document has a path like {name}": "ninguna operación del documento tiene una ruta como {name}",
    "no path that is imported begins with {name}": "ninguna ruta que se importa empieza por {name}",
    "bodies and queries pass unprojected until the route has a contract: partners see whatever the backend answers": (
        "los cuerpos y las consultas pasan sin proyectar hasta que la ruta tenga un contrato: los socios ven todo lo que "
        "responda el backend"
    ),
    # YAML
    "this is no YAML: {why:told}": "esto no es YAML: {why}",
    "mapping values are not allowed here": "aquí no puede ir un par nombre: valor",
    "found character '\\t' that cannot start any token while scanning for the next token": (
        "hay un tabulador: se sangra con espacios"
    ),
    "expected <block end>, but found {what} while parsing a block mapping": (
        "la sangría no cuadra: se encontró {what} en un mapa"
    ),
    "expected <block end>, but found {what} while parsing a block collection": (
        "la sangría no cuadra: se encontró {what} en una lista"
    ),
    "expected ',' or ']', but got {what} while parsing a flow sequence": "falta ',' o ']': se encontró {what} en una lista",
    "expected ',' or '}', but got {what} while parsing a flow mapping": "falta ',' o '}}': se encontró {what} en un mapa",
    '"{name}" stands here twice; first in line {line}': '"{name}" está dos veces; la primera, en la línea {line}',
    "nothing before this is anchored as &{name}": "nada anterior está anclado como &{name}",
    "a member's name must be text": "el nombre de un miembro debe ser texto",
    "a second document begins here: a file is one": "aquí empieza un segundo documento: un archivo es uno solo",
    'there is no member "{name}" here': 'aquí no hay ningún miembro "{name}"',
    '"{name}" is missing': 'falta "{name}"',
    "this must be {what:told}, and is {kind:told}": "esto debe ser {what}, y es {kind}",
}
