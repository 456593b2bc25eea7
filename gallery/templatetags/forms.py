"""What templates need that write the parts of a form field one by one.

{{ field|hidden_initial }}
"""

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def hidden_initial(field: BoundField) -> SafeString | str:
    """The value that the field was shown with, which `{{ field }}` would bring along."""
    return field.as_hidden(only_initial=True) if field.field.show_hidden_initial else ""
