"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from insignia.answering.answer_log import AnswerLog
from insignia.answering.application import AnsweringApplication
from insignia.answering.faults import Faults

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "insignia.settings")

application = AnsweringApplication(
    get_wsgi_application(),
    faults=Faults.from_environment(os.environ),
    answer_log=AnswerLog.from_environment(os.environ),
)
