"""What is wrong on this machine, and what to do about it: the parts of ``comfyflow doctor``."""

from .diagnosis import Diagnosis as Diagnosis
from .diagnosis import State as State

__all__ = ["Diagnosis", "State"]
