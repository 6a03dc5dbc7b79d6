# Ensembles of one model at every temperature asked for. How many files that makes depends on the study, which an output
# cannot; so the output is the list of them, and a list that names a lost file is withdrawn (common.smk).


rule generate:
    input:
        model=PATHS.model("{model}", "{seed}"),
        reweighting=weights_if_informed,
        features=at_training("features"),
        plane=at_training("plane"),
        energies=at_training("energies"),
        header=at_training("features_header"),
        topology=at_training("topology"),
        trajectories=at_training("protocol"),
    output:
        files=PATHS.generated("{model}", "{seed}"),
        surfaces=PATHS.surfaces("{model}", "{seed}"),
    log:
        "logs/{study}/generate/{model}/seed{seed}.log",
    benchmark:
        "logs/{study}/generate/{model}/seed{seed}.tsv"
    priority: 40
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(240),
    params:
        settings=settings_of("generate"),
        code=code_of("generate"),
    shell:
        "thermolatent generate {wildcards.study} --model {wildcards.model} --seed {wildcards.seed}"
        " --threads {threads} > {log} 2>&1"
