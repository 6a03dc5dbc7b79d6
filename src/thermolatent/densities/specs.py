"""Parameters of each density as a study writes them. Apart from the densities so that a study is checked without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DensitySpec(BaseModel):
    """What every density has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str


class FlowSpec(DensitySpec):
    """Normalizing flow onto a temperature-steerable base (LaTF, arXiv:2507.03174)."""

    kind: Literal["flow"] = "flow"
    transform: Literal["realnvp", "spline"] = Field("realnvp", description="affine or rational-quadratic couplings")
    base: Literal["tilted", "gaussian"] = Field("tilted", description="base density r_T(u)")
    tau: float = Field(2.0, ge=0, description="tilting factor of the base; 0 is a Gaussian")
    couplings: int = Field(16, ge=1, description="number of coupling layers")
    width: int = Field(32, ge=1, description="hidden units of each of a coupling's two hidden layers")
    bins: int = Field(8, ge=2, description="bins of a spline, unused by realnvp")
