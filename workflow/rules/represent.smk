# SPIB: the representation that the models of a study start from. Training temperatures only.


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
        model=model_of,
        settings=settings_of("represent"),
        code=code_of("represent"),
    shell:
        "thermolatent represent {wildcards.study} --model {params.model} --seed {wildcards.seed}"
        " --threads {threads} > {log} 2>&1"


# The SPIB of models that differ in it from their study.
use rule represent as represent_own with:
    output:
        model=PATHS.spib("{seed}", "{model}"),
        history=PATHS.history(PATHS.spib("{seed}", "{model}")),
    log:
        "logs/{study}/represent/{model}/seed{seed}.log",
    benchmark:
        "logs/{study}/represent/{model}/seed{seed}.tsv"
