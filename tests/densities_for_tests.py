"""What the tests of diffusion and flow matching share: exact Gaussians, and a bimodal distribution to learn."""

import torch


def two_peaks(n, theta, seed):
    """``(n, 1)`` from 0.3 N(-1, 0.04 theta) + 0.7 N(1, 0.09 theta); ``theta`` is a number or ``(n,)``."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.rand(n, generator=generator) < 0.3
    spread = torch.where(left, 0.2, 0.3) * torch.as_tensor(theta) ** 0.5
    return (torch.where(left, -1.0, 1.0) + spread * torch.randn(n, generator=generator))[:, None]


def fit(density, z, theta, steps, batch=384, learning_rate=5e-3):
    """Adam with half a cosine, as training does it."""
    density.fit_scale(z)
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(density.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = torch.randint(len(z), (batch,), generator=generator)
        optimiser.zero_grad()
        density.loss(z[rows], theta[rows]).backward()
        optimiser.step()
        schedule.step()
        density.after_step()


class Gaussian:
    """N(mean, L L^T) of z in d dimensions; its mean and covariance once whitened by ``whitening``."""

    def __init__(self, d, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.root = torch.tril(0.4 * torch.randn(d, d, generator=generator, dtype=torch.float64))
        self.root += (0.8 - self.root.diagonal()).diag()
        self.mean = torch.randn(d, generator=generator, dtype=torch.float64)

    def sample(self, n, seed):
        generator = torch.Generator().manual_seed(seed)
        return self.mean + torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64) @ self.root.T

    def log_prob(self, z):
        return torch.distributions.MultivariateNormal(self.mean, scale_tril=self.root).log_prob(z)

    def whitened(self, whitening):
        forward = whitening.forward_matrix
        return forward @ (self.mean - whitening.mean), forward @ self.root @ self.root.T @ forward.T


def scramble(density, seed=0, size=0.1):
    """Weights that have left their start, the averaged ones too."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in density.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    for _ in range(3):
        density.after_step()
    return density


@torch.no_grad()
def total_mass(density, theta, span, points, whitening=None):
    """Integral of exp(log_prob) over +-span, whitened, on a grid of ``points`` per axis, d = 1 or 2."""
    whitening = whitening or density.whitening
    axis = torch.linspace(-span, span, points, dtype=whitening.mean.dtype)
    grid = torch.cartesian_prod(*[axis] * density.dim).reshape(-1, density.dim)
    z = whitening.inverse(grid)
    log_p = density.log_prob(z, torch.full((len(z),), theta, dtype=z.dtype)) - whitening.log_det
    return float(log_p.exp().sum()) * float(axis[1] - axis[0]) ** density.dim
