"""New projects: workflows, their tests and what runs them in CI, in a folder of the user's."""

from .project import Project as Project
from .project import plan_project as plan_project

__all__ = ["Project", "plan_project"]
