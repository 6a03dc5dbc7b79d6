# SPIB: the representation that every model of a study starts from. Training temperatures only.


rule pretrain:
    input:
        features=at_training("features"),
        plane=at_training("plane"),
        energies=at_training("energies"),
        header=at_training("features_header"),
    output:
        model=PATHS.spib("{seed}"),
        history=PATHS.history(PATHS.spib("{seed}")),
    log:
        "logs/{study}/pretrain/seed{seed}.log",
    benchmark:
        "logs/{study}/pretrain/seed{seed}.tsv"
    priority: 50
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=240,
    params:
        settings=settings_of("pretrain"),
        code=code_of("pretrain"),
    shell:
        "thermolatent pretrain {wildcards.study} --seed {wildcards.seed}" " --threads {threads} > {log} 2>&1"
