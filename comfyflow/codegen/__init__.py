"""Node classes in Python, generated from what a server says about its nodes."""

from .block import Renamed as Renamed
from .package import Package as Package
from .package import generate as generate
from .package_plan import DEFAULT_MAX_CHOICES as DEFAULT_MAX_CHOICES
from .package_plan import Options as Options
