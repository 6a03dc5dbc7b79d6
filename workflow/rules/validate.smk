# Scores of one model, or of the baselines, against the reference MD; populations of their own where there is none.


rule validate:
    input:
        unpack(inputs_of("validate")),
    output:
        scores=PATHS.scores("{model}", "{seed}"),
        populations=PATHS.populations("{model}", "{seed}"),
        profiles=PATHS.profiles("{model}", "{seed}"),
    log:
        "logs/{study}/validate/{model}/seed{seed}.log",
    benchmark:
        "logs/{study}/validate/{model}/seed{seed}.tsv"
    priority: 30
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(120),
    params:
        model=model_of,
        settings=settings_of("validate"),
        code=code_of("validate"),
    shell:
        "thermolatent validate {wildcards.study} --model {params.model} --seed {wildcards.seed}"
        " --threads {threads} > {log} 2>&1"


# The baselines have neither ensembles nor profiles.
use rule validate as validate_baselines with:
    input:
        unpack(inputs_of("validate")),
    output:
        scores=PATHS.scores(BASELINES_JOB, "{seed}"),
        populations=PATHS.populations(BASELINES_JOB, "{seed}"),
    log:
        "logs/{study}/validate/baselines/seed{seed}.log",
    benchmark:
        "logs/{study}/validate/baselines/seed{seed}.tsv"
