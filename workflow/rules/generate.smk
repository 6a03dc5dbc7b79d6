# Ensembles of one model at every temperature asked for. How many files that makes depends on the study, which an output
# cannot; so the output is the list of them, and a list that names a lost file is withdrawn (common.smk).


rule generate:
    input:
        unpack(inputs_of("generate")),
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
