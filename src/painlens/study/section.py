"""What all parts of a study file share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class StudyError(ValueError):
    """A study file that cannot be used; the message names the key, what was expected and what came."""


class Section(BaseModel):
    """Part of a study: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
