"""Forms of sentences about contracts and schemas, and their Spanish (spanish_told.py). A test names what is missing."""

CONTRACTS = {
    # Versions
    "the contract has no version {name}": "el contrato no tiene la versión {name}",
    "the schema has no version {name}": "el esquema no tiene la versión {name}",
    "`portazgo contract show` lists them": "`portazgo contract show` las enumera",
    "`portazgo contract show` says which versions are": "`portazgo contract show` dice cuáles lo están",
    "nothing of the contract is published": "del contrato no hay nada publicado",
    "the version {name} is retired": "la versión {name} está retirada",
    "name another, or publish a new one": "indica otra, o publica una nueva",
    "the version {name} is not deprecated": "la versión {name} no está marcada como obsoleta",
    "the version {name} is still in use by {users:each}": "la versión {name} todavía está en uso por {users}",
    "pin them to another version, or make another the default": "fíjalos a otra versión, o haz de otra la predeterminada",
    "the route {name}": "la ruta {name}",
    "the partner {name}": "el socio {name}",
    "the application {name}": "la aplicación {name}",
    "the plan {name}": "el plan {name}",
    "nothing has changed since {name}": "nada ha cambiado desde {name}",
    "change the draft first; to have the version served, make it the default (`portazgo contract default`)": (
        "cambia antes el borrador; para que la versión se sirva, hazla predeterminada (`portazgo contract default`)"
    ),
    "change its draft (`portazgo contract change`), or choose another name": (
        "cambia su borrador (`portazgo contract change`), o elige otro nombre"
    ),
    "this end has passed ({time}): name one that lies ahead": "este final ya pasó ({time}): indica uno futuro",
    "the partner has no pin to {name}": "el socio no está fijado a {name}",
    "the application has no pin to {name}": "la aplicación no está fijada a {name}",
    "the plan has no pin to {name}": "el plan no está fijado a {name}",
    "there is no API {name}": "no existe la API {name}",
    "the schema {name} is of another backend": "el esquema {name} es de otro backend",
    "a contract stays with its API: make another contract": "un contrato se queda en su API: crea otro contrato",
    "the route {name} upgrades connections, and no contract says what passes then": (
        "la ruta {name} cambia de protocolo, y ningún contrato dice qué pasa entonces"
    ),
    "leave the route out of the contract, or take its upgrades away": (
        "deja la ruta fuera del contrato, o quítale los cambios de protocolo"
    ),
    "the version {name} of the contract {contract} has the route {route}: it can't be removed": (
        "la versión {name} del contrato {contract} tiene la ruta {route}: no se puede eliminar"
    ),
    "the version {name} of the contract {contract} has the route {route}: its method, its paths and its backend can't change": (
        "la versión {name} del contrato {contract} tiene la ruta {route}: su método, sus rutas y su backend no pueden cambiar"
    ),
    "publish a version without the route and retire those that have it, or make another route": (
        "publica una versión sin la ruta y retira las que la tienen, o crea otra ruta"
    ),
    "no answer and no request was recorded for the contract": "no se ha grabado ninguna respuesta ni petición del contrato",
    "write `recording: true` into a route of the contract, publish it, and wait for calls": (
        "escribe `recording: true` en una ruta del contrato, publícalo y espera llamadas"
    ),
    "the contract can't be compiled": "el contrato no se puede compilar",
    # Examples
    "1 field differs": "1 campo difiere",
    "{count} fields differ": "{count} campos difieren",
    "the contract has no route {name}": "el contrato no tiene la ruta {name}",
    "it passed, and should have been refused": "pasó, y debía rechazarse",
    "partners get a problem in place of this answer": "los socios reciben un problema en lugar de esta respuesta",
    "the contract does not look into bodies of this answer": "el contrato no mira dentro de los cuerpos de esta respuesta",
    "the operation takes no JSON body": "la operación no admite un cuerpo JSON",
    "the answer does not fit: {why:told}": "la respuesta no encaja: {why}",
    "missing at {place:told} (byte {number})": "falta en {place} (byte {number})",
    "type at {place:told} (byte {number})": "de otro tipo en {place} (byte {number})",
    "truncated at {place:told} (byte {number})": "se corta en {place} (byte {number})",
    "the root": "la raíz",
    "what is expected is no JSON: {why}": "lo esperado no es JSON: {why}",
    "{file} is missing: it is what the example begins with": "falta {file}: con él empieza el ejemplo",
    "{file} is no example: its name is a status or `request`, then .backend.json or .partner.json": (
        "{file} no es un ejemplo: su nombre es un estado o `request`, y luego .backend.json o .partner.json"
    ),
    "{file} has more than {count} bytes": "{file} tiene más de {count} bytes",
    "{file} has an expected body, and is to be refused": "{file} tiene un cuerpo esperado, y debe rechazarse",
    "{file}: only requests read values": "{file}: solo las peticiones leen valores",
    # The language
    "there is no operator {name}": "no existe el operador {name}",
    "there is no member {name}": "no existe el miembro {name}",
    "there is no mapping {name}": "no existe el mapeo {name}",
    "the mapping uses itself: {circle}": "el mapeo se usa a sí mismo: {circle}",
    "{name} is for requests": "{name} es para peticiones",
    "{name} is for answers": "{name} es para respuestas",
    "an operator has one name, this has {count}": "un operador tiene un solo nombre, este tiene {count}",
    "an operator is at most {count} lists and mappings deep": "un operador tiene como mucho {count} listas y mapas anidados",
    "a contract has at most {count} operators": "un contrato tiene como mucho {count} operadores",
    "a contract has at most {count} {what}": "un contrato tiene como mucho {count} {what}",
    "names are texts: quote them": "los nombres son textos: ponlos entre comillas",
    "this must be one of {words}": "esto debe ser uno de {words}",
    "this must be true or false": "esto debe ser true o false",
    "this must be a path: names with dots between them, such as owner.name": (
        "esto debe ser una ruta: nombres con puntos entre ellos, como owner.name"
    ),
    "this must be a list of operators, such as [{select: [id, name]}]": (
        "esto debe ser una lista de operadores, como [{{select: [id, name]}}]"
    ),
    "this must be a whole number from 1 to {most}": "esto debe ser un número entero de 1 a {most}",
    "this must be a size up to {most} bytes, such as 64KiB or 5MB": (
        "esto debe ser un tamaño de hasta {most} bytes, como 64KiB o 5MB"
    ),
    "this must be a text for partners, of at most {most} characters": (
        "esto debe ser un texto para socios, de {most} caracteres como mucho"
    ),
    'this must be a text such as "{partner.metadata.tenant}", {const: …} or {generate: uuid}': (
        'esto debe ser un texto como "{{partner.metadata.tenant}}", {{const: …}} o {{generate: uuid}}'
    ),
    "{path} is no path: names with dots between them, such as owner.name": (
        "{path} no es una ruta: nombres con puntos entre ellos, como owner.name"
    ),
    "a path has at most {count} names": "una ruta tiene como mucho {count} nombres",
    "{path} goes on behind **, which stands for all that there may be": (
        "{path} sigue detrás de **, que ya es todo lo que pueda haber"
    ),
    "the new name is a text": "el nombre nuevo es un texto",
    "the partner's name is a text": "el nombre del socio es un texto",
    "a target is made of names, and `*` is none": "un destino se compone de nombres, y `*` no lo es",
    "wrap names the fields that it takes: {into: address, fields: [street, city]}": (
        "wrap nombra los campos que toma: {{into: address, fields: [street, city]}}"
    ),
    "the fields of a wrap stand side by side in one object": "los campos de un wrap están uno junto a otro en un objeto",
    "drop_null: true is for a whole body: name the paths in a mapping that is used below": (
        "drop_null: true es para un cuerpo entero: en un mapeo que se usa más abajo, nombra las rutas"
    ),
    "map_value has values: {backend's value: partner's value}": (
        "map_value lleva values: {{valor del backend: valor del socio}}"
    ),
    "the template can't be read: {why}": "la plantilla no se puede leer: {why}",
    'compute has an expression and what it gives: {expr: "self.first + self.last", schema: {type: string}}': (
        'compute lleva una expresión y lo que da: {{expr: "self.first + self.last", schema: {{type: string}}}}'
    ),
    "a computed member declares what it is: schema: {type: string}": (
        "un miembro calculado declara lo que es: schema: {{type: string}}"
    ),
    'type is one type, or one and "null"': 'type es un tipo, o uno y "null"',
    "items stand beside type: array": "items va junto a type: array",
    # Routes of a contract
    "the contract has no routes": "el contrato no tiene rutas",
    "the API has no route {name}": "la API no tiene la ruta {name}",
    "the API has no route {name} that leads to the schema's backend": (
        "la API no tiene la ruta {name} que lleve al backend del esquema"
    ),
    "the route {name} leads to another backend than the one that the schema describes": (
        "la ruta {name} lleva a otro backend que el que describe el esquema"
    ),
    "the schema has no operation for the route {name}": "el esquema no tiene ninguna operación para la ruta {name}",
    "the schema has no operation {name}": "el esquema no tiene la operación {name}",
    "the schema has no operation {name}: name one by operation": (
        "el esquema no tiene la operación {name}: indica una con operation"
    ),
    "the operation is a text: its operationId, or GET /api/badges/{id}/": (
        "operation es un texto: su operationId, o GET /api/badges/{{id}}/"
    ),
    "the route says nothing of answers: without answers, partners receive only problems": (
        "la ruta no dice nada de answers: sin answers, los socios solo reciben problemas"
    ),
    "{operation} takes no body": "{operation} no admite cuerpo",
    "{operation} takes no JSON: let its body pass, {pass: {types: …, max_bytes: …}}": (
        "{operation} no admite JSON: deja pasar su cuerpo, {{pass: {{types: …, max_bytes: …}}}}"
    ),
    "{operation} takes a body: say in `request` what partners may send": (
        "{operation} lleva un cuerpo: di en `request` qué pueden enviar los socios"
    ),
    "{operation} has no answer {status}": "{operation} no tiene la respuesta {status}",
    "the answer {status} of {operation} is no {kind}: write {use}": (
        "la respuesta {status} de {operation} no es {kind}: escribe {use}"
    ),
    "{operation} can't be checked as its schema says: {why}": "{operation} no se puede comprobar como dice su esquema: {why}",
    "more than {count} fields pass: of objects that lead to each other, name what may pass": (
        "pasan más de {count} campos: de objetos que llevan unos a otros, nombra lo que puede pasar"
    ),
    "no answer has {path}": "ninguna respuesta tiene {path}",
    "no answer has {path} among what passes": "ninguna respuesta tiene {path} entre lo que pasa",
    '{status} is no status: write "200", "4XX" or default': '{status} no es un estado: escribe "200", "4XX" o default',
    "the status {status} stands here twice": "el estado {status} está aquí dos veces",
    "an answer is a list of operators, or one of body (such a list), pass, empty and problem": (
        "una respuesta es una lista de operadores, o una de body (una lista así), pass, empty y problem"
    ),
    "empty is true": "empty es true",
    "the detail is a text": "detail es un texto",
    "a body passes under rules: {types: [image/png], max_bytes: 5MB}": (
        "un cuerpo pasa con reglas: {{types: [image/png], max_bytes: 5MB}}"
    ),
    "{text} is no media type: write image/png, or image/*": "{text} no es un tipo de contenido: escribe image/png, o image/*",
    "a header's name is made of letters, digits and hyphens": (
        "el nombre de una cabecera se compone de letras, cifras y guiones"
    ),
    "the header {name} describes the backend, or sends clients elsewhere: it stays inside": (
        "la cabecera {name} describe el backend, o manda a los clientes a otra parte: se queda dentro"
    ),
    "the header {name} is the gateway's own, or leads round it": "la cabecera {name} es de la propia pasarela, o la esquiva",
    "write off, or how many: {one_in: 1000, per_minute: 6}": "escribe off, o cuántas: {{one_in: 1000, per_minute: 6}}",
    "write true, off, or how much: {answers: 20, days: 7}": "escribe true, off, o cuánto: {{answers: 20, days: 7}}",
    "what is recorded is taken of sampled answers: `sampling` must not be off": (
        "lo que se graba sale de respuestas muestreadas: `sampling` no puede ser off"
    ),
    "map_value and coerce exclude each other: the map can write any type": (
        "map_value y coerce se excluyen: el mapa puede escribir cualquier tipo"
    ),
    "206 speaks of a part of a document: an answer of the backend's can't become that": (
        "206 habla de una parte de un documento: una respuesta del backend no puede convertirse en eso"
    ),
    # Parameters
    "the operation {operation} has no query parameter {name}": (
        "la operación {operation} no tiene el parámetro de consulta {name}"
    ),
    "the path has no parameter {name}": "la ruta no tiene el parámetro {name}",
    "two parameters are called {name} for the partner": "dos parámetros se llaman {name} para el socio",
    "the backend requires {name}: give it a default": "el backend exige {name}: dale un valor por defecto",
    "the backend requires the {place} parameter `{name}`; fill it or let partners send it": (
        "el backend exige el parámetro ({place}) `{name}`; rellénalo o deja que los socios lo envíen"
    ),
    "{name} stands in the path, which the route names: only its value changes": (
        "{name} está en la ruta, que la ruta nombra: solo cambia su valor"
    ),
    # Places and types
    "the schema has no {path}: it knows no member {name} in {where:told}": (
        "el esquema no tiene {path}: no conoce ningún miembro {name} en {where}"
    ),
    "{path} of {where:told}": "{path} de {where}",
    "the answer": "la respuesta",
    "the request": "la petición",
    "{path} is not selected, so {name} does nothing there": "{path} no está seleccionado, así que {name} no hace nada ahí",
    "{path} is changed twice": "{path} se cambia dos veces",
    "{path} is changed by {one} and {two}, which contradict": "{path} lo cambian {one} y {two}, que se contradicen",
    "two members are called {name} for the partner: {one} and a constant": (
        "dos miembros se llaman {name} para el socio: {one} y una constante"
    ),
    "two members are called {name} for the partner: {one} and {two}": (
        "dos miembros se llaman {name} para el socio: {one} y {two}"
    ),
    "{one} would stand at {place}, and {two} at {other}": "{one} quedaría en {place}, y {two} en {other}",
    "it is of type {kind:told}, and the schema has {types:kinds} here": "es de tipo {kind}, y el esquema tiene aquí {types}",
    "{value} is of type {kind:told}, and the schema has {types:kinds} here": (
        "{value} es de tipo {kind}, y el esquema tiene aquí {types}"
    ),
    "it changes single values, and here stands an object or a list of objects": (
        "cambia valores sueltos, y aquí hay un objeto o una lista de objetos"
    ),
    "the schema has {types:kinds} here: what is coerced has one type": (
        "el esquema tiene aquí {types}: lo que se convierte tiene un solo tipo"
    ),
    "the schema has {types:kinds} here, which can't be turned into {kind:told}": (
        "el esquema tiene aquí {types}, que no se puede convertir en {kind}"
    ),
    "otherwise: null, and the backend takes no null here": "otherwise: null, y el backend no admite aquí null",
    "a URL is a text, and the schema has {types:kinds} here": "una URL es un texto, y el esquema tiene aquí {types}",
    "one of the backend's values is of another type than {types:kinds}": (
        "uno de los valores del backend es de otro tipo que {types}"
    ),
    "the backend's value {value} stands here twice": "el valor {value} del backend está aquí dos veces",
    "the backend knows no value {value} here": "el backend no conoce aquí el valor {value}",
    "nothing is selected: name what may pass, such as {select: [id, name]}": (
        "no se selecciona nada: nombra lo que puede pasar, como {{select: [id, name]}}"
    ),
    "{path} is free-form: the schema does not say what it holds. To let it pass as it is, say so": (
        "{path} es de forma libre: el esquema no dice qué contiene. Para dejarlo pasar tal cual, dilo"
    ),
    "{path} is not free-form: the schema says what it holds": "{path} no es de forma libre: el esquema dice qué contiene",
    "{path} is no map: the schema names its members": "{path} no es un mapa: el esquema nombra sus miembros",
    "{path} is no member of an object with a name of its own": "{path} no es un miembro con nombre propio de un objeto",
    "{path} is no object that could be made up": "{path} no es un objeto que se pueda formar",
    "{path} is read only: it is no part of {where:told}": "{path} es de solo lectura: no es parte de {where}",
    "{path} is write only: it is no part of {where:told}": "{path} es de solo escritura: no es parte de {where}",
    "{path} can't be {word}: it is a list": "{path} no se puede deshacer ni mover así: es una lista",
    "{path} can't be {word}: it is not an object": "{path} no se puede deshacer ni mover así: no es un objeto",
    "{path} can't be {word}: it is a map, whose names may be any": (
        "{path} no se puede deshacer ni mover así: es un mapa, con nombres cualesquiera"
    ),
    "{path} can't be {word} in requests: it has variants": (
        "{path} no se puede deshacer ni mover así en peticiones: tiene variantes"
    ),
    "it is selected too": "también está seleccionado",
    "it is filled already": "ya se rellena",
    "it is no member": "no es un miembro",
    "it is no single value, so write {const: …}": "no es un valor suelto: escribe {{const: …}}",
    "{path} is filled too, and one lies in the other": "también se rellena {path}, y uno está dentro del otro",
    "{path} is optional or may be null, and a partner that leaves it out would leave the fill out too": (
        "{path} es opcional o puede ser null, y un socio que lo omita omitiría también lo que se rellena"
    ),
    "names are written as {style} already": "los nombres ya se escriben como {style}",
    "unknown members are to be handled by {word} already": "los miembros desconocidos ya se tratan con {word}",
    "otherwise: omit leaves a member out, and {path} is none": "otherwise: omit omite un miembro, y {path} no lo es",
    "the backend requires `{path}`; fill it or select it": "el backend exige `{path}`; rellénalo o selecciónalo",
    "the backend requires {path}: a null can't be left out without a default": (
        "el backend exige {path}: un null no se puede omitir sin un valor por defecto"
    ),
    "the data plane can't run the {kind} of this: {why}": "el plano de datos no puede ejecutar esto ({kind}): {why}",
    # Expressions
    "the schema has no member {name} there": "el esquema no tiene ahí el miembro {name}",
    "the expression gives {kind:told}, and the schema says {type:told}": "la expresión da {kind}, y el esquema dice {type}",
    "a value is missing before {what:told}": "falta un valor delante: {what}",
    "the end": "el final",
    "{word} is missing before {what:told}": "falta {word} delante: {what}",
    "there is no function {name} here": "aquí no hay ninguna función {name}",
    "there is no {name} here": "aquí no hay {name}",
    "an expression has at most {count} characters": "una expresión tiene como mucho {count} caracteres",
    "{kind:told} and {other:told} can't be compared": "{kind} y {other} no se pueden comparar",
    "after a dot comes a name": "detrás de un punto va un nombre",
    "a path has more than {count} steps": "una ruta tiene más de {count} pasos",
    "a single value is needed here, and this is {kind:told}": "aquí hace falta un valor suelto, y esto es {kind}",
    "{wanted:kinds} is needed here, and this is {kind:told}": "aquí hace falta {wanted}, y esto es {kind}",
    "an expression has at most {count} parts, {deep} in each other": (
        "una expresión tiene como mucho {count} partes, {deep} unas dentro de otras"
    ),
    "more than {count} expressions lie in each other": "hay más de {count} expresiones unas dentro de otras",
    "more than {count} operators stand in a row: use parentheses": "hay más de {count} operadores seguidos: usa paréntesis",
    "has asks for one member, such as has(self.name)": "has pregunta por un miembro, como has(self.name)",
    "nothing can be looked for in {kind:told}": "en {kind} no se puede buscar nada",
    "nothing can stand here, and there is {what:told}": "aquí no puede ir nada, y hay {what}",
    "texts can be joined, and this is {kind:told}": "se pueden unir textos, y esto es {kind}",
    "{text} begins nothing that is known here": "{text} no empieza nada que aquí se conozca",
    "{name} can't stand within another that goes over a list": "{name} no puede ir dentro de otra que recorre una lista",
    "{name} goes over a list, and this is {kind:told}": "{name} recorre una lista, y esto es {kind}",
    "{kind:told} has no items that a number could name": "{kind} no tiene elementos que un número pueda nombrar",
    "{kind:told} has no members, so there is no {name} in it": "{kind} no tiene miembros, así que en él no hay {name}",
    "{text} is no character": "{text} no es un carácter",
    "{text} is no escape": "{text} no es una secuencia de escape",
    "{text} is no number: unsigned ones are not known here": "{text} no es un número: aquí no hay números sin signo",
    "{name} takes a name and an expression: list.{method}(x, …)": "{name} lleva un nombre y una expresión: list.{method}(x, …)",
    "{name} takes one value": "{name} lleva un valor",
    "{name} takes {count} value": "{name} lleva {count} valor",
    "{name} takes {count} values": "{name} lleva {count} valores",
    "{kind:told} {sign} {other:told} is not defined": "{kind} {sign} {other} no está definido",
    "{kind:told} {sign} {other:told} is not defined: {hint:told}": "{kind} {sign} {other} no está definido: {hint}",
    "the backend's token has no claim {name}": "el token del backend no tiene el claim {name}",
    "{path} can't be taken apart in requests: it is optional and requires `{name}`": (
        "{path} no se puede deshacer en peticiones: es opcional y exige `{name}`"
    ),
    "{path} can't leave the map {map}": "{path} no puede salir del mapa {map}",
    "{path} is no object that could hold {name}": "{path} no es un objeto que pueda contener {name}",
    "{path} is taken apart: say in what its members go into what is computed": (
        "{path} se deshace: di en qué van sus miembros en lo que se calcula"
    ),
    "{names} is missing: {what}": "falta {names}: {what}",
    # What changes for partners
    "answer {status}": "respuesta {status}",
    "query {name}": "consulta {name}",
    "path {name}": "ruta {name}",
    "header {name}": "cabecera {name}",
    "request": "petición",
    "query": "consulta",
    "the route is gone": "la ruta ya no está",
    "the route is new": "la ruta es nueva",
    "the answer is gone": "la respuesta ya no está",
    "the answer is new": "la respuesta es nueva",
    "the parameter is gone": "el parámetro ya no está",
    "the parameter is new": "el parámetro es nuevo",
    "the parameter is new and must be sent": "el parámetro es nuevo y hay que enviarlo",
    "the parameter is required now": "el parámetro ahora es obligatorio",
    "the parameter is optional now": "el parámetro ahora es opcional",
    "it may come several times": "puede venir varias veces",
    "it may come once": "puede venir una vez",
    "unknown parameters are refused": "los parámetros desconocidos se rechazan",
    "unknown parameters are dropped": "los parámetros desconocidos se descartan",
    "the operation takes no body": "la operación no admite cuerpo",
    "the operation takes a body": "la operación admite un cuerpo",
    "the operation takes a body that must be sent": "la operación lleva un cuerpo que hay que enviar",
    "the body is required now": "el cuerpo ahora es obligatorio",
    "the body is optional now": "el cuerpo ahora es opcional",
    "{count} bytes became {now}": "{count} bytes pasan a ser {now}",
    "{before:told} became {after:told}": "{before} pasa a ser {after}",
    "a body that passes as it is": "un cuerpo que pasa tal cual",
    "no body": "ningún cuerpo",
    "{name} is gone": "{name} ya no está",
    "{name} is new": "{name} es nuevo",
    "?fields= is taken": "se admite ?fields=",
    "?fields= is no longer taken": "ya no se admite ?fields=",
    "the header {name} is gone": "la cabecera {name} ya no está",
    "the header {name} is new": "la cabecera {name} es nueva",
    "it came from {before} and comes from {after}": "venía de {before} y viene de {after}",
    "its expression is another": "su expresión es otra",
    "the member is gone": "el miembro ya no está",
    "the member is new": "el miembro es nuevo",
    "the member is new and must be sent": "el miembro es nuevo y hay que enviarlo",
    "the member is required now": "el miembro ahora es obligatorio",
    "the member is optional now": "el miembro ahora es opcional",
    "null no longer fits": "null ya no encaja",
    "null fits": "null encaja",
    "the default was {before} and is {after}": "el valor por defecto era {before} y es {after}",
    "the {kind:told} {name:told} is gone": "{kind} {name}: ya no está",
    "the {kind:told} {name:told} is new": "{kind} {name}: es nuevo",
    "without a name": "sin nombre",
    "only {values} fit": "solo encajan {values}",
    "any value fits, where there was a list": "encaja cualquier valor, donde había una lista",
    "{values} no longer fit": "ya no encajan {values}",
    "{values} fit now": "ahora encajan {values}",
    "items must differ": "los elementos deben ser distintos",
    "items may repeat": "los elementos pueden repetirse",
    "members without a name in the contract fit": "encajan miembros sin nombre en el contrato",
    "members without a name in the contract no longer fit": "ya no encajan miembros sin nombre en el contrato",
    # What a new document means
    "new": "nuevo",
    "new required": "nuevo y obligatorio",
    "gone": "ya no está",
    "retyped": "de otro tipo",
    "optional": "opcional",
    "required": "obligatorio",
    "values new": "valores nuevos",
    "values gone": "valores que ya no están",
    "only values of a list are left": "solo quedan valores de una lista",
    "any value may come": "puede venir cualquier valor",
    "{path}, which partners see as {name}, is gone: answers without it fail, since the contract promises it": (
        "{path}, que los socios ven como {name}, ya no está: las respuestas sin él fallan, pues el contrato lo promete"
    ),
    "{path}, which partners see as {name}, may be absent: answers without it fail, since the contract promises it": (
        "{path}, que los socios ven como {name}, puede faltar: las respuestas sin él fallan, pues el contrato lo promete"
    ),
    "{path}, which partners see as {name}, is gone: partners no longer get it": (
        "{path}, que los socios ven como {name}, ya no está: los socios ya no lo reciben"
    ),
    "{path}, which partners see as {name}: {detail:told}: answers with a type that the contract does not have fail": (
        "{path}, que los socios ven como {name}: {detail}: las respuestas con un tipo que el contrato no tiene fallan"
    ),
    "{path}, which partners see as {name}, has new values: {values}": (
        "{path}, que los socios ven como {name}, tiene valores nuevos: {values}"
    ),
    "{path}, which partners see as {name}: partners notice nothing ({what:told})": (
        "{path}, que los socios ven como {name}: los socios no notan nada ({what})"
    ),
    "{path} is not selected: partners don't see it": "{path} no está seleccionado: los socios no lo ven",
    "the backend no longer has {operation}, which the route {name} leads to": (
        "el backend ya no tiene {operation}, a la que lleva la ruta {name}"
    ),
    "{detail:told}: the route {name} calls the backend where the operation was": (
        "{detail}: la ruta {name} llama al backend donde estaba la operación"
    ),
    "answer {status}: the contract does not look into answers of this status": (
        "respuesta {status}: el contrato no mira dentro de las respuestas de este estado"
    ),
    "answer {status}: {detail:told}: what does not fit fails with contract_violation_response": (
        "respuesta {status}: {detail}: lo que no encaja falla con contract_violation_response"
    ),
    "answer {status}: the backend's document no longer has it": "respuesta {status}: el documento del backend ya no la tiene",
    "answer {status}: nothing changes as long as its fields are the same": (
        "respuesta {status}: nada cambia mientras sus campos sean los mismos"
    ),
    "the backend wants {path}, which the contract neither takes nor fills": (
        "el backend quiere {path}, que el contrato ni admite ni rellena"
    ),
    "the backend wants {path}: partners may leave it out, unless it is filled": (
        "el backend quiere {path}: los socios pueden omitirlo, salvo que se rellene"
    ),
    "the contract sends {path}: {detail:told}": "el contrato envía {path}: {detail}",
    "the backend no longer has it": "el backend ya no lo tiene",
    "{path}: nothing changes in what is sent": "{path}: nada cambia en lo que se envía",
    "request: {detail:told}: the contract sends a body as before": "petición: {detail}: el contrato envía un cuerpo como antes",
    "request: the contract sends no body": "petición: el contrato no envía cuerpo",
    "the backend wants a body, and the contract sends none": "el backend quiere un cuerpo, y el contrato no envía ninguno",
    "the backend wants the {place} parameter {name}, which the contract does not send": (
        "el backend quiere el parámetro ({place}) {name}, que el contrato no envía"
    ),
    "the contract sends the {place} parameter {name}: {detail:told}": (
        "el contrato envía el parámetro ({place}) {name}: {detail}"
    ),
    "the {place} parameter {name}: nothing changes in what is sent": (
        "el parámetro ({place}) {name}: nada cambia en lo que se envía"
    ),
}
