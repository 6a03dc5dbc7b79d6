"""What the models see of a frame. One file per family; ``FEATURES`` is the only place that lists them."""

from thermolatent.registry import Registry

FEATURES = Registry(
    "feature",
    {
        "position_xy": "thermolatent.featurize.cartesian:PositionXY",
        "sorted_coordination": "thermolatent.featurize.coordination:SortedCoordination",
        "coordination_moments": "thermolatent.featurize.coordination:CoordinationMoments",
    },
)
