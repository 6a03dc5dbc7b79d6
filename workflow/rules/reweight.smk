# The conditional-reweighting network: a baseline, and the weights of informed training. Training temperatures only.


rule reweight:
    input:
        features=at_training("features"),
        plane=at_training("plane"),
        energies=at_training("energies"),
        header=at_training("features_header"),
    output:
        model=PATHS.reweighting("{seed}"),
        history=PATHS.history(PATHS.reweighting("{seed}")),
    log:
        "logs/{study}/reweight/seed{seed}.log",
    benchmark:
        "logs/{study}/reweight/seed{seed}.tsv"
    priority: 50
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(3000),
        runtime=240,
    params:
        settings=settings_of("reweight"),
        code=code_of("reweight"),
    shell:
        "thermolatent reweight {wildcards.study} --seed {wildcards.seed}" " --threads {threads} > {log} 2>&1"
