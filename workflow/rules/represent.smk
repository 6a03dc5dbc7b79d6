# SPIB: the representation that every model of a study starts from. Training temperatures only.


rule represent:
    input:
        unpack(inputs_of("represent")),
    output:
        model=PATHS.spib("{seed}"),
        history=PATHS.history(PATHS.spib("{seed}")),
    log:
        "logs/{study}/represent/seed{seed}.log",
    benchmark:
        "logs/{study}/represent/seed{seed}.tsv"
    priority: 50
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=240,
    params:
        settings=settings_of("represent"),
        code=code_of("represent"),
    shell:
        "thermolatent represent {wildcards.study} --seed {wildcards.seed}" " --threads {threads} > {log} 2>&1"
