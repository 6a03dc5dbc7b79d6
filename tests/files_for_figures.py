"""A study's files as the stages before the figures leave them, small, from a distribution written down here."""

from functools import cache
from pathlib import Path
from shutil import copyfile

import numpy as np
from PIL import Image

from thermolatent import ConditionalReweighting
from thermolatent.featurize.coordination import CoordinationMoments
from thermolatent.figures import figures_of
from thermolatent.figures.tables import Tables
from thermolatent.files.artifacts import save_arrays, save_json
from thermolatent.reweight.running import COLUMNS as RUNNING_COLUMNS
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import JOBS
from thermolatent.study.layout import Layout
from thermolatent.study.loading import load_study
from thermolatent.tables import POPULATION_COLUMNS, SCORE_COLUMNS, read_table, write_table
from thermolatent.validate import experiment, gather, grid, melting, predictions
from thermolatent.validate.observables import Observable
from thermolatent.validate.settings import Experiment

BINS = 20
#: Temperatures of the surfaces; most of those asked for lie between them.
GRID = 9


def make_study(seedless_changes=None, dimensions=2, reference=True, melting=None, observables=(), experiment=()):
    """LJ7 as shipped, with another latent dimension, without reference MD at the predicted temperatures, with a melting
    state, observables or measured values."""
    study = load_study("lj7", "studies")
    temperatures = study.temperatures
    if not reference:
        temperatures = temperatures.model_copy(update={"reference": []})
    representation = study.representation.model_copy(update={"latent_dim": dimensions})
    changes = {"temperatures": temperatures, "representation": representation, **(seedless_changes or {})}
    changes["validate_"] = study.validate_.model_copy(
        update={"melting": melting, "experiment": [Experiment(**data) for data in experiment]}
    )
    observed = [CoordinationMoments()] if observables else []
    changes["featurize"] = study.featurize.model_copy(update={"observables": observed})
    return study.model_copy(update=changes)


def populations(study, temperature, shift=0.0):
    """Four shares that change with temperature and sum to 1."""
    raw = shares(len(study.validate_.states.names), temperature)
    raw[0] += shift
    return raw / raw.sum()


def shares(n, temperature):
    """The same for ``n`` states, none of them far off."""
    raw = np.exp(np.arange(n) * -0.25 / temperature) + 0.05
    return raw / raw.sum()


def score_rows(study, seeds):
    """Divergences where MD exists, effective sample fractions everywhere."""
    for seed in seeds:
        for T in study.temperatures.generated:
            known = T in study.temperatures.simulated
            base = {"study": study.name, "seed": seed, "temperature": T, "role": study.temperatures.role(T)}
            for k, model in enumerate(["floor", "nearest", "mbar", "conditional", *study.models]):
                own = model in study.models and study.models[model].own_latent
                latent = [f"latent_{model}"] if own else ["latent"]
                if model not in study.models:
                    latent = ["latent", *(f"latent_{m}" for m, s in study.models.items() if s.own_latent)]
                planes = [("js_plane", "fixed"), *(("js_latent", plane) for plane in latent)]
                for metric, plane in planes if known else []:
                    value = 0.004 * (1 + 0.6 * k) * (1 + 0.1 * seed) * (9 if model == "nearest" else 1)
                    value *= 1 + abs(T - 0.35)
                    numbers = {"value": value, "stderr": 0.0005, "unit": "nats", "n_ref": 48000, "n_gen": 48000}
                    yield base | {"model": model, "plane": plane, "metric": metric} | numbers
                if model != "floor":
                    share = 0.5 * np.exp(-6 * abs(T - 0.35) * (1 + 0.05 * seed)) / (1 + 0.2 * k)
                    yield base | {
                        "model": model,
                        "plane": "",
                        "metric": "ess_fraction",
                        "value": float(share),
                        "unit": "1",
                    }
                    error = 0.002 * k + 0.01 * seed * T
                    if known:
                        yield base | {
                            "model": model, "plane": "fixed", "metric": "population_max_error", "value": error,
                            "stderr": 0.001, "unit": "1",
                        }  # fmt: skip


@cache
def fitted(study_states, train, heat_capacity=1.0):
    """A reweighting of MD whose states have the shares of :func:`populations`: 12 walkers, visits of ten frames.

    ``study_states``: names of the states.
    """
    n, rng = len(study_states), np.random.default_rng(0)
    features, states = [], []
    for T in train:
        visits = rng.choice(n, (12, 60), p=shares(n, T))
        states.append(np.repeat(visits, 10, axis=1))
        features.append(rng.normal(states[-1][..., None], 0.3).astype(np.float32))
    return ConditionalReweighting(heat_capacity, network=False).fit(
        features, list(train), states=states, state_names=list(study_states), temperature_unit="reduced"
    )


def reweighting_of(study):
    """The reweighting that belongs to the files written here."""
    return fitted(tuple(study.validate_.states.names), tuple(study.temperatures.train))


def write_tables(study, layout, scores, populations):
    """The tables as gather writes them, from rows of the stage before."""
    asked = asked_of(study)
    write_table(layout.all_scores, SCORE_COLUMNS, scores)
    write_table(layout.all_populations, POPULATION_COLUMNS, populations)
    populations, reweighting = read_table(layout.all_populations, POPULATION_COLUMNS), reweighting_of(study)
    observed = {"mu2": 0.7 + 0.2 * (reweighting.states == 0), "mu3": 1.0 - 0.2 * (reweighting.states == 1)}
    within = study.validate_.tolerance.get("coordination_moments")
    observables = [Observable(name, within, values) for name, values in observed.items()] if within else []
    judged = predictions.prediction_rows(asked, reweighting, populations, observables)
    write_table(layout.predictions, predictions.COLUMNS, judged)
    write_table(layout.convergence, gather.CONVERGENCE_COLUMNS, gather.convergence_rows(asked, reweighting))
    write_table(layout.melting, melting.COLUMNS, melting.rows(asked, populations, reweighting))
    write_table(layout.experiment, experiment.COLUMNS, experiment.rows(asked, {}, reweighting))


def tables_of(study, layout, seeds):
    """What figures and report read of the tables."""
    job = JOBS["figures"](study, layout, seeds=seeds)
    return Tables.load(job.settings, job.inputs.tables, seeds)


def population_rows(study, seeds):
    """MD with intervals where there is some; the reweighting's numbers of who takes them; all others and all samples off."""
    reweighting, states = reweighting_of(study), study.validate_.states.names
    for seed in seeds:
        for T in study.temperatures.generated:
            base = {"study": study.name, "seed": seed, "temperature": T, "role": study.temperatures.role(T)}
            base |= {"n_eff": 2000.0}
            answer = reweighting.populations(T).set_index("state")
            names = ["nearest", "mbar", "conditional", *study.models]
            for k, model in enumerate((["md"] if T in study.temperatures.simulated else []) + names):
                shift = 0.0 if model == "md" else 0.03 * (k - 3) * (1 + 0.2 * seed) * T
                if study.featurize.observables:
                    for name, value in (("mu2", 0.7 + shift), ("mu3", 1.2 - T)):
                        observed = {"states": "observable", "model": model, "state": name, "stderr": 0.01}
                        yield base | observed | {"value": value}
                informed = model in study.models and study.models[model].informed
                for state, p in zip(states, populations(study, T, shift), strict=True):
                    told = base | {
                        "states": "named",
                        "model": model,
                        "state": state,
                        "value": float(p),
                        "stderr": 0.004,
                    }
                    told |= {"low": float(p) - 0.009, "high": float(p) + 0.009}
                    if informed:
                        yield told | {"states": "density"}
                    if informed or model == "conditional":
                        told |= answer.loc[state, ["value", "stderr", "low", "high"]].to_dict()
                    yield told


def latents(temperature, dimensions, n, seed):
    """Two wells whose weights and widths depend on temperature."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 0.8 * np.sqrt(temperature), (n, dimensions))
    z[:, 0] += np.where(rng.random(n) < 0.25 + 0.5 * temperature, 1.0, -1.0)
    return z


def profile_arrays(study, dimensions, informed=True):
    temperatures = study.temperatures.generated
    edges = np.linspace(-3, 3, BINS + 1)
    shown = min(dimensions, 2)
    out = {name: [] for name in ("latent_md", "latent_model", "latent_model_half", "plane_md", "plane_model")}
    reweighting = ("marginal_reweighting", "marginal_reweighting_half")
    curves = {name: [] for name in ("marginal_md", "marginal_md_stderr", "marginal_model", *reweighting)}
    for k, T in enumerate(temperatures):
        for source, seed in (("md", k), ("model", 100 + k)):
            z = latents(T, dimensions, 20_000, seed)
            mass = np.histogramdd(z[:, :shown], [edges] * shown)[0] / len(z)
            marginal = np.stack([np.histogram(c, edges)[0] / len(z) for c in z.T])
            with np.errstate(divide="ignore"):
                F = np.where(marginal > 0, -np.log(marginal), np.nan)
            F -= np.nanmin(F, axis=1, keepdims=True)
            if source == "md" and T not in study.temperatures.simulated:
                mass, F = np.full_like(mass, np.nan), np.full_like(F, np.nan)
            out[f"latent_{source}"].append(mass)
            plane = np.full((BINS, BINS), np.nan if np.isnan(mass).any() else 0.0)
            plane[2:-2, 2:-2] = mass[2:-2, 2:-2] if shown == 2 else np.outer(mass, mass)[2:-2, 2:-2]
            out[f"plane_{source}"].append(plane)
            curves[f"marginal_{source}"].append(F)
            if source == "md":
                curves["marginal_md_stderr"].append(np.where(np.isfinite(F), 0.02 * np.exp(F / 3), np.nan))
            else:
                half = 0.05 / np.sqrt(np.where(mass > 0, mass, np.nan))
                out["latent_model_half"].append(half if informed else np.full_like(mass, np.nan))
                known = F + 0.1 if informed else np.full_like(F, np.nan)
                curves["marginal_reweighting"].append(known)
                curves["marginal_reweighting_half"].append(0.1 * np.exp(known / 4))
    arrays = {name: np.stack(values) for name, values in (out | curves).items()}
    return {
        "temperatures": np.asarray(temperatures, float),
        "edges_latent": np.stack([edges] * shown),
        "edges_marginal": np.stack([edges] * dimensions),
        "edges_plane": np.stack([edges] * 2),
        **arrays,
    }


def surface_arrays(study, dimensions, shift=0.0):
    """Two wells in closed form, as ``generate`` tabulates a density; more than two dimensions leave cells without samples."""
    temperatures, points = np.linspace(*study.temperature_range, GRID), 30 if dimensions > 1 else 200
    axes = np.stack([np.linspace(-3.2, 3.2, points)] * min(dimensions, 2))
    x, *y = np.meshgrid(*axes, indexing="ij")
    energy = (x**2 - 1) ** 2 + (0.3 + shift) * x + sum(v**2 for v in y)
    F = np.stack([energy / T - (energy / T).min() for T in temperatures])
    if dimensions > 2:
        F[F > 12] = np.inf
    return {"temperatures": temperatures, "axes": axes, "free_energy": F.astype(np.float32)}


def write_medoids(study, path, temperature, seed):
    """A PDB of seven particles, or of acetamide's heavy atoms for a molecule, with a structure of each named state."""
    import mdtraj

    rng, n = np.random.default_rng([seed, round(1000 * temperature)]), len(study.validate_.states.centers)
    topology, names = mdtraj.Topology(), ("C", "C", "O", "N") if study.system.molecular else ("Ar",) * 7
    residue = topology.add_residue("ACE" if study.system.molecular else "HOL", topology.add_chain())
    for k, name in enumerate(names):
        topology.add_atom(f"{name}{k + 1}", mdtraj.element.get_by_symbol(name), residue)
    if study.system.molecular:
        first = np.array([[0, 0, 0], [0.152, 0, 0], [0.22, 0.105, 0], [0.22, -0.115, 0]])
    else:
        angle = np.arange(6) * np.pi / 3
        first = 1.1 * np.concatenate([[[0, 0, 0]], np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)])
    xyz = np.stack([first + rng.normal(0, 0.002 if study.system.molecular else 0.05, first.shape) for _ in range(n)])
    names, shares = study.validate_.states.names, populations(study, temperature)
    remarks = [
        f"REMARK   1 MODEL {k}: {name}, POPULATION {share:.4f}, FRAME FROM T = {study.temperatures.train[0]:g}\n"
        for k, (name, share) in enumerate(zip(names, shares, strict=True), start=1)
    ]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    mdtraj.Trajectory(xyz, topology).save_pdb(path)
    Path(path).write_text("".join(remarks) + Path(path).read_text())
    return xyz


def grid_temperatures(study):
    """Every tenth of the grid's and those asked for."""
    return sorted({*grid.grid_temperatures(asked_of(study))[::10], *study.temperatures.generated})


def write_grid(study, layout):
    """The answer of :func:`reweighting_of`; observables and a surface in closed form, the surface empty at two edges."""
    temperatures = grid_temperatures(study)
    rows = grid.population_rows(asked_of(study), reweighting_of(study), temperatures)
    write_table(layout.grid, predictions.COLUMNS, rows)
    told = []
    for T in temperatures:
        base = {"study": study.name, "temperature": repr(T).removesuffix(".0"), "role": study.temperatures.role(T)}
        for name, value in (("mu2", 0.7), ("mu3", 1.2 - T)) if study.featurize.observables else ():
            numbers = {"value": value, "stderr": 0.01, "low": value - 0.02, "high": value + 0.02}
            told.append(base | {"observable": name} | numbers)
    write_table(layout.grid_observables, grid.OBSERVABLE_COLUMNS, told)
    edges = np.linspace(-3, 3, BINS + 1)
    x, y = np.meshgrid(*[(edges[1:] + edges[:-1]) / 2] * 2, indexing="ij")
    F = np.stack([((x**2 - 1) ** 2 + y**2) / T for T in temperatures])
    F -= F.min((1, 2), keepdims=True)
    F[:, :2] = np.nan
    arrays = {"temperatures": temperatures, "edges_plane": np.stack([edges] * 2), "free_energy": F.astype(np.float32)}
    arrays |= {"free_energy_stderr": 0.1 * np.sqrt(np.exp(F)), "free_energy_half": 0.2 * np.sqrt(np.exp(F))}
    save_arrays(layout.grid_surfaces, arrays)


def write_histories(study, layout, seeds):
    def write(path, columns, rows):
        write_table(path, ("stage", "step", "seconds", *columns), rows)

    for seed in seeds:
        rows = [
            {"stage": f"refinement {e // 6}", "step": e + 1, "seconds": 0.5 * e, "loss": 0.25 + np.exp(-e / 4 - seed),
             "held_out_cross_entropy": 0.26 + np.exp(-e / 4 - seed), "held_out_rate": 3.0, "states": 4.0}
            for e in range(18)
        ]  # fmt: skip
        for name in study.spibs:
            file = layout.history(layout.spib(seed, name))
            write(file, ("loss", "held_out_cross_entropy", "held_out_rate", "states"), rows)
        for model, spec in study.models.items():
            rows = []
            for s in range(1, 25):
                joint = spec.encoder == "joint" and s <= 16
                row = {
                    "stage": "joint" if joint else "density",
                    "step": 250 * s,
                    "seconds": 4.0 * s,
                    "loss": 1.8 + 1 / s,
                }
                row |= {"held_out_neg_log_r": 1.9 + 1 / s, "held_out_cross_entropy": 0.27 + joint / s}
                rows.append(
                    row | ({"cross_entropy": 0.26 + 1 / s, "held_out": 0.28} if joint else {"held_out": 1.9 + 1 / s})
                )
            if spec.informed:
                rows += [
                    {
                        "stage": "conditional",
                        "step": 200 * s,
                        "seconds": 96 + s,
                        "cross_entropy": 0.2,
                        "held_out": 0.3 + 1 / s,
                    }
                    for s in range(1, 11)
                ]
            columns = ("loss", "cross_entropy", "held_out", "held_out_neg_log_r", "held_out_cross_entropy")
            write(layout.history(layout.model(model, seed)), columns, rows)


def write_running(study, layout):
    """Shares that settle as the square root of time, from a tenth of it on."""
    rows = []
    for T in study.temperatures.train:
        for state, share in zip(study.validate_.states.names, populations(study, T), strict=True):
            for step in range(7, 61):
                error = 0.02 / np.sqrt(step / 60)
                drift = error * np.cos(step / 5)
                told = (T, state, 25.0 * step, float(share + drift), float(error), 150.0 if T == 0.2 else 0.0)
                rows.append(dict(zip(RUNNING_COLUMNS, told, strict=True)))
    write_table(layout.running, RUNNING_COLUMNS, rows)


def write_protocols(study, layout, unconverged=0.3):
    for T in study.temperatures.simulated:
        ratio = 6.3 if unconverged == T else 1.4
        between = {"difference": 0.031, "standard_errors": ratio, "between": ["hexagon", "chevron"]}
        content = {
            **{"temperature": T, "kT": T, "walkers": 32, "frames": 3000, "save_every": 100, "equilibration": 50000},
            **{
                "time_step": 0.005,
                "friction": 1.0,
                "seed": 1,
                "platform": "Reference",
                "precision": "double",
                "openmm": "8.6.1",
            },
            **{
                "integrator": "LangevinMiddleIntegrator",
                "steps": 350000,
                "wall_seconds": 61.25,
                "walker_steps_per_second": 512345,
            },
            "convergence": {"mean_energy": {"hexagon": -9.1, "chevron": -9.069}, "walkers": {}, **between},
        }
        save_json(layout.protocol(T), content)


def write_study_files(study, root, seeds, dimensions=2):
    """Everything that figures and report read."""
    layout = Layout(str(root))
    write_tables(study, layout, score_rows(study, seeds), population_rows(study, seeds))
    save_json(
        layout.metrics,
        {
            "plane": ["mu2", "mu3"],
            "doubts": predictions.doubts_of(asked_of(study), reweighting_of(study)),
            "metrics": {"js_plane": {"unit": "nats", "definition": "Jensen-Shannon"}},
            "bins": 60,
        },
    )
    for k, model in enumerate(study.models):
        save_arrays(layout.profiles(model, seeds[0]), profile_arrays(study, dimensions, study.models[model].informed))
        for seed in seeds:
            Path(layout.profiles(model, seed)).parent.mkdir(parents=True, exist_ok=True)
            if seed != seeds[0]:
                copyfile(layout.profiles(model, seeds[0]), layout.profiles(model, seed))
            save_arrays(layout.surfaces(model, seed), surface_arrays(study, dimensions, 0.2 * k + 0.1 * seed))
            for T in study.temperatures.generated:
                write_medoids(study, layout.medoids(model, seed, T), T, seed)
    write_grid(study, layout)
    write_histories(study, layout, seeds)
    write_running(study, layout)
    write_protocols(study, layout)
    return layout


def write_blank_figures(study, layout):
    """White pictures under the figures' names, each of another size, for tests that are not about drawing."""
    for k, (name, *_) in enumerate(figures_of(study)):
        path = Path(layout.figure(name, "png"))
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (32 + k, 16), "white").save(path)
