"""A small reader of PLUMED inputs, from PLUMED's manual alone: what an input gives for positions without a periodic box."""

from __future__ import annotations

import re

import numpy as np


class Input:
    """The values of an input for positions ``(frames, n_atoms, 3)`` in nm of all atoms of the MD."""

    def __init__(self, text, positions, masses=None, folder=None):
        self.x, self.masses, self.folder = np.asarray(positions, np.float64), masses, folder
        self.values, self.whole = {}, []
        for line in _logical_lines(text):
            self._read(line)

    def __getitem__(self, name):
        return self.values[name]

    def _read(self, words):
        label = words.pop(0)[:-1] if words[0].endswith(":") else None
        kind, *words = words
        flags = {word for word in words if "=" not in word}
        self.given = dict(word.split("=", 1) for word in words if "=" in word)
        flags.discard("NOPBC")
        expected = {"DISTANCES": {"LOWEST"}, "GYRATION": {"MASS_WEIGHTED"}, "CONTACTMAP": {"SUM"}}.get(kind, set())
        assert flags == expected, (kind, flags)
        found = getattr(self, kind)()
        assert not self.given, (kind, self.given)  # nothing that PLUMED would not know
        for component, value in (found if isinstance(found, dict) else {None: found}).items():
            if value is not None:
                assert value.shape == (len(self.x),)
                name = label if component is None else f"{label}.{component}"
                assert name not in self.values
                self.values[name] = value

    def _atoms(self, key):
        found = []
        for word in self.given.pop(key).split(","):
            first, _, last = word.partition("-")
            found += range(int(first) - 1, int(last or first))
        return self.x[:, found]

    def _arguments(self):
        return [self.values[name] for name in self.given.pop("ARG").split(",")]

    def _numbers(self, key):
        return [float(word) for word in self.given.pop(key).split(",")]

    def WHOLEMOLECULES(self):
        while f"ENTITY{len(self.whole)}" in self.given:
            self.whole.append(self._atoms(f"ENTITY{len(self.whole)}").shape[1])

    def TORSION(self):
        a, b, c, d = np.moveaxis(self._atoms("ATOMS"), 1, 0)
        first, axis, last = b - a, c - b, d - c
        one, other = np.cross(first, axis), np.cross(axis, last)
        sine = np.linalg.norm(axis, axis=1) * np.sum(first * other, axis=1)
        return np.arctan2(sine, np.sum(one * other, axis=1))

    def DISTANCE(self):
        a, b = np.moveaxis(self._atoms("ATOMS"), 1, 0)
        return np.linalg.norm(a - b, axis=1)

    def _between_groups(self):
        a, b = self._atoms("GROUPA"), self._atoms("GROUPB")
        return np.linalg.norm(a[:, :, None] - b[:, None], axis=-1).reshape(len(self.x), -1)

    def DISTANCES(self):
        return {"lowest": self._between_groups().min(axis=1)}

    def COORDINATION(self):
        return _switched(self.given.pop("SWITCH"), self._between_groups()).sum(axis=1)

    def CONTACTMAP(self):
        total, i = 0.0, 1
        while f"ATOMS{i}" in self.given:
            a, b = np.moveaxis(self._atoms(f"ATOMS{i}"), 1, 0)
            total += _switched(self.given.pop(f"SWITCH{i}"), np.linalg.norm(a - b, axis=1))
            i += 1
        return float(self.given.pop("WEIGHT")) * total

    def GYRATION(self):
        assert self.given.pop("TYPE") == "RADIUS"
        first, _, last = self.given["ATOMS"].partition("-")  # a range alone here
        w, x = self.masses[int(first) - 1 : int(last)], self._atoms("ATOMS")
        x = x - np.average(x, axis=1, weights=w)[:, None]
        return np.sqrt(np.average(np.sum(x**2, axis=2), axis=1, weights=w))

    def RMSD(self):
        assert self.given.pop("TYPE") == "OPTIMAL"
        lines = (self.folder / self.given.pop("REFERENCE")).read_text().splitlines()
        rows = [line for line in lines if line.startswith("ATOM")]
        assert {row[54:66] for row in rows} == {"  1.00  1.00"}  # weights of superposing and of comparing
        native = np.array([[float(row[i : i + 8]) / 10 for i in (30, 38, 46)] for row in rows])
        x = self.x[:, [int(row[6:11]) - 1 for row in rows]]
        x, native = x - x.mean(axis=1, keepdims=True), native - native.mean(axis=0)
        u, singular, v = np.linalg.svd(np.einsum("fai,aj->fij", x, native))  # Kabsch
        singular[:, 2] *= np.sign(np.linalg.det(u @ v))
        squared = np.sum(x**2, axis=(1, 2)) + np.sum(native**2) - 2 * singular.sum(axis=1)
        return np.sqrt(squared / len(native))

    def POSITION(self):
        return dict(zip("xyz", self._atoms("ATOM")[:, 0].T, strict=True))

    def SORT(self):
        return {str(i + 1): v for i, v in enumerate(np.sort(self._arguments(), axis=0))}

    def COMBINE(self):
        arguments = np.array(self._arguments())
        assert self.given.pop("PERIODIC") == "NO"
        coefficients = self._numbers("COEFFICIENTS") if "COEFFICIENTS" in self.given else np.ones(len(arguments))
        parameters = self._numbers("PARAMETERS") if "PARAMETERS" in self.given else np.zeros(len(arguments))
        assert len(coefficients) == len(parameters) == len(arguments)
        return np.einsum("i,if->f", coefficients, arguments - np.array(parameters)[:, None])

    def CUSTOM(self):
        assert self.given.pop("PERIODIC") == "NO"
        names, arguments = self.given.pop("VAR", "x").split(","), self._arguments()
        formula = self.given.pop("FUNC").replace("^", "**")
        known = {"sin": np.sin, "cos": np.cos, "__builtins__": {}}
        return eval(formula, known | dict(zip(names, arguments, strict=True)))

    def PYTORCH_MODEL(self):
        import torch

        model = torch.jit.load(str(self.folder / self.given.pop("FILE")))
        arguments = torch.tensor(np.array(self._arguments(), np.float32).T, requires_grad=True)
        rows = torch.cat([model(row[None]) for row in arguments])  # PLUMED gives it one frame at a time
        assert torch.autograd.grad(rows[:, 0].sum(), arguments)[0].abs().sum() > 0  # and wants its derivatives
        return {f"node-{i}": v for i, v in enumerate(rows.detach().double().numpy().T)}


def _switched(text, r):
    kind, *words = text.strip("{}").split()
    given = {key: float(value) for key, value in (word.split("=") for word in words)}
    if kind == "Q":
        assert set(given) == {"R_0", "BETA", "LAMBDA", "REF"}
        return 1 / (1 + np.exp(given["BETA"] * (r - given["LAMBDA"] * given["REF"])))
    assert kind == "RATIONAL"
    assert set(given) == {"R_0", "NN", "MM"}  # so neither cut nor stretched
    ratio = r / given["R_0"]
    return (1 - ratio ** given["NN"]) / (1 - ratio ** given["MM"])


def _logical_lines(text):
    """Lists of words, those of an action in several lines together; what is in braces is one word."""
    pending = None
    for line in text.splitlines():
        words = re.findall(r"(?:[^\s{}]|\{[^}]*\})+", line.split("#")[0])
        if pending is None and words and words[-1] == "...":
            pending = words[:-1]
        elif pending is not None and words == ["..."]:
            yield pending
            pending = None
        elif pending is not None:
            pending += words
        elif words:
            yield words
    assert pending is None
