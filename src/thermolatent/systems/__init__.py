"""What is simulated. One file per system; ``SYSTEMS`` is the only place that lists them."""

from thermolatent.registry import Registry

SYSTEMS = Registry(
    "system",
    {
        "lj_cluster": "thermolatent.systems.lj_cluster:LJCluster",
        "three_hole": "thermolatent.systems.three_hole:ThreeHole",
    },
)
