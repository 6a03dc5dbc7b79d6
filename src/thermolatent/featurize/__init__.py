"""What the models see of a frame. One file per family; ``FEATURES`` is the only place that lists them."""

from thermolatent.registry import Registry

FEATURES = Registry(
    "feature",
    {
        "backbone_torsions": "thermolatent.featurize.torsions:BackboneTorsions",
        "base_pairs": "thermolatent.featurize.nucleic:BasePairs",
        "ca_distances": "thermolatent.featurize.distances:CaDistances",
        "contacts": "thermolatent.featurize.distances:Contacts",
        "coordination_moments": "thermolatent.featurize.coordination:CoordinationMoments",
        "distances": "thermolatent.featurize.distances:Distances",
        "end_to_end": "thermolatent.featurize.distances:EndToEnd",
        "ermsd": "thermolatent.featurize.nucleic:Ermsd",
        "function": "thermolatent.featurize.own_function:OwnFunction",
        "g_vectors": "thermolatent.featurize.nucleic:GVectors",
        "native_contacts": "thermolatent.featurize.shape:NativeContacts",
        "position_xy": "thermolatent.featurize.cartesian:PositionXY",
        "radius_of_gyration": "thermolatent.featurize.shape:RadiusOfGyration",
        "rmsd": "thermolatent.featurize.shape:Rmsd",
        "side_chain_torsions": "thermolatent.featurize.torsions:SideChainTorsions",
        "sorted_coordination": "thermolatent.featurize.coordination:SortedCoordination",
        "torsions": "thermolatent.featurize.torsions:Torsions",
    },
)
