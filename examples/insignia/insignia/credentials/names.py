"""Invented names for seeded rows. No organisation or person of these names is meant."""

ISSUERS = (
    ("Academia Brumalta", "ES", "Cursos de navegación nocturna y de faros."),
    ("Instituto Valdecanto", "CO", "Formación técnica en acústica y afinación."),
    ("Talleres Ocarina Roja", "MX", "Oficios de barro, torno y horno."),
    ("Colegio del Quinto Puente", "CL", "Ingeniería de puentes colgantes, presencial."),
    ("Escuela Nubelia", "AR", "Meteorología aplicada para quien vuela bajo."),
    ("Liceo Marisombra", "PE", "Oceanografía y cartas de marea."),
    ("Fundación Trébol de Hojalata", "ES", "Robótica de juguete, en serio."),
    ("Círculo Arenaviva", "UY", "Gestión de dunas y otras cosas que se mueven."),
    ("Quillmoor Guild of Makers", "IE", "Bookbinding, clockwork and quiet machines."),
    ("Farrowmere Polytechnic", "NZ", "Applied weaving and structural knots."),
    ("Ostwinkel Lehrwerkstatt", "AT", "Präzisionsarbeit an Türen, Uhren und Zügeln."),
    ("Atelier Grisonvale", "BE", "Restauration d'enseignes et de vitraux."),
)
SUBJECTS = (
    "Faros y señales", "Afinación de campanas", "Nudos estructurales", "Hornos de leña", "Cartas de marea",
    "Relojería silenciosa", "Puentes colgantes", "Vidrio emplomado", "Robótica de juguete", "Dunas móviles",
    "Encuadernación", "Vuelo bajo", "Telares de pedal", "Rotulación a mano", "Molinos de agua",
)  # fmt: skip
ASPECTS = ("Diagnóstico", "Mantenimiento", "Diseño", "Seguridad", "Enseñanza", "Restauración")
SKILLS = (
    "lectura de planos", "medición", "soldadura fina", "trabajo en altura", "documentación", "primeros auxilios",
    "gestión de riesgos", "presupuesto", "calibración", "dibujo técnico", "atención al público", "ensamblaje",
)  # fmt: skip
GIVEN_NAMES = (
    "Ariandel", "Bruneta", "Caelio", "Dorisela", "Evarino", "Fiorbela", "Galindro", "Hesmara", "Ilvano", "Jacintea",
    "Kelmira", "Lisandrio", "Mirbela", "Nolverto", "Oriselda", "Pelagino", "Quintila", "Rosmundo", "Sibelio", "Tarsina",
)  # fmt: skip
FAMILY_NAMES = (
    "Queltor", "Vandibar", "Osquina", "Merlobal", "Trasvega", "Colindres-Pax", "Burgandil", "Ñarvaez-Olm", "Zubelar",
    "Pontedra", "Almirón-Sur", "Castrevil", "Dombrasa", "Fresnedil", "Güelmar", "Hontaval", "Irazubel", "Lumbrales-Ox",
)  # fmt: skip
STREETS = ("Calle del Faro Apagado", "Paseo de las Veletas", "Travesía del Molino Viejo", "Avenida de la Brújula")
COUNTRIES = ("ES", "CO", "MX", "CL", "AR", "PE", "UY", "IE")
NOTES = (
    "Revisar con finanzas antes de renovar; el margen quedó por debajo de lo acordado en la última campaña.",
    "Marcado por el modelo de duplicados, descartado a mano. No volver a abrir sin hablar con soporte interno.",
    "Cuenta migrada del sistema anterior: faltan dos adjuntos que siguen en la cinta de respaldo número 12.",
    "Pidió por teléfono que no se le escriba los lunes; queda anotado aquí porque el CRM no tiene ese campo.",
)
EMPLOYEES = (
    "a.queltor@insignia.example",
    "m.trasvega@insignia.example",
    "batch-renderer-2",
    "f.hontaval@insignia.example",
)
