"""Parameters of each density in a study. Separate from the densities, so that a study is checked without torch."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from thermolatent.parsing import by_kind, one_of


def _tau_or_auto(value: Any) -> Any:
    """Validates ``tau`` with one message in place of one per type of the union."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value == "auto" or (number and math.isfinite(value) and value >= 0):
        return value
    raise ValueError(f"is {value!r}; write a number of at least 0, or auto")


class DensitySpec(BaseModel):
    """Base of the parameters of a density.

    ``implementation`` is ``module:class`` of the density, imported when one is built.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    implementation: ClassVar[str]

    kind: str


class FlowSpec(DensitySpec):
    """Normalizing flow onto a temperature-steerable base (LaTF, arXiv:2507.03174)."""

    implementation: ClassVar[str] = "thermolatent.densities.flow:FlowDensity"
    kind: Literal["flow"] = "flow"
    transform: Literal["realnvp", "spline", "autoregressive"] = Field(
        "realnvp",
        description="affine couplings, rational-quadratic ones, or autoregressive rational-quadratic splines, which are "
        "sampled one coordinate after the other",
    )
    base: Literal["tilted", "gaussian"] = Field("tilted", description="base density r_T(u)")
    tau: Annotated[float | Literal["auto"], BeforeValidator(_tau_or_auto)] = Field(
        2.0, description="tilting factor of the base; 0 is a Gaussian; auto: chosen by held-out likelihood"
    )
    couplings: int = Field(16, ge=1, description="number of layers")
    width: int = Field(32, ge=1, description="hidden units of each of a layer's two hidden layers")
    bins: int = Field(8, ge=2, description="bins of a spline, unused by realnvp")


class FieldSpec(DensitySpec):
    """Parameters of the densities with a learned vector field."""

    width: int = Field(64, ge=1, description="hidden units of each hidden layer")
    layers: int = Field(3, ge=1, description="hidden layers")
    embedding: Literal["smooth", "random"] = Field(
        "smooth",
        description="of temperature for condition: of ln T, or D-SPIB's random frequencies, which do not interpolate",
    )
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights, per optimiser step")
    tolerance: float = Field(1e-4, gt=0, description="error per step of the ODE, in whitened units and nats")


class DiffusionSpec(FieldSpec):
    """Diffusion (D-SPIB, arXiv:2510.09784)."""

    implementation: ClassVar[str] = "thermolatent.densities.diffusion:DiffusionDensity"
    kind: Literal["diffusion"] = "diffusion"
    schedule: Literal["linear", "discrete"] = Field(
        "linear", description="beta(t) from 0.1 to 20 in continuous time, or the paper's 100 steps from 1e-4 to 0.2"
    )
    weighting: Literal["likelihood", "paper"] = Field(
        "likelihood", description="a bound on -ln r, or the paper's mean squared error of the noise"
    )
    sampler: Literal["ode", "ancestral"] = Field("ode", description="ode follows log_prob exactly")
    exponent: float = Field(1.0, ge=0, description="the base has standard deviation theta^exponent; the paper: 1")
    steps: int = Field(100, ge=2, description="levels of the ancestral sampler with the linear schedule")


class FlowMatchingSpec(FieldSpec):
    """Flow matching from a temperature-steerable base (Lipman et al., arXiv:2210.02747)."""

    implementation: ClassVar[str] = "thermolatent.densities.flow_matching:FlowMatchingDensity"
    kind: Literal["flow_matching"] = "flow_matching"
    base: Literal["tilted", "gaussian"] = Field("gaussian", description="base density r_T(u)")
    tau: float = Field(2.0, ge=0, description="tilting factor of a tilted base")
    coupling: Literal["independent", "ot"] = Field("independent", description="ot: optimal transport within a batch")


class VampPriorSpec(DensitySpec):
    """SPIB's own mixture; no temperature, needs ``encoder: frozen``."""

    implementation: ClassVar[str] = "thermolatent.densities.vampprior:VampPriorDensity"
    kind: Literal["vampprior"] = "vampprior"


DENSITY_SPECS = by_kind(DiffusionSpec, FlowSpec, FlowMatchingSpec, VampPriorSpec)
#: The type of a study's field.
AnyDensity = one_of("density", DENSITY_SPECS)
