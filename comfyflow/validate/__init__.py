"""Whether a server will accept a prompt, and whether it should be sent to one."""

from .coerce import coerce_prompt as coerce_prompt
from .report import Report as Report
from .validation import validate_prompt as validate_prompt
