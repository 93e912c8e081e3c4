"""The parts of the kit that stand on Django and django-ninja; only the control plane imports them."""
