"""What is simulated. One file per system; ``SYSTEMS`` is the only place that lists them."""

from thermolatent.registry import Registry

SYSTEMS = Registry(
    "system",
    {
        "aib9": "thermolatent.systems.aib9:Aib9",
        "alanine_dipeptide": "thermolatent.systems.alanine_dipeptide:AlanineDipeptide",
        "chignolin": "thermolatent.systems.chignolin:Chignolin",
        "lj_cluster": "thermolatent.systems.lj_cluster:LJCluster",
        "peptide": "thermolatent.systems.peptide:Peptide",
        "prepared": "thermolatent.systems.prepared:Prepared",
        "rna": "thermolatent.systems.rna:Rna",
        "rna_tetraloop": "thermolatent.systems.rna_tetraloop:RnaTetraloop",
        "structure": "thermolatent.systems.structure:Structure",
        "three_hole": "thermolatent.systems.three_hole:ThreeHole",
        "trajectories": "thermolatent.systems.trajectories:Trajectories",
    },
)
