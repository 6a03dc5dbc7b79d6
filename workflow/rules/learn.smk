# One model of p(z|T). One thread, so that two models train side by side. Training temperatures only.


rule learn:
    input:
        unpack(inputs_of("learn")),
    output:
        model=PATHS.model("{model}", "{seed}"),
        history=PATHS.history(PATHS.model("{model}", "{seed}")),
    log:
        "logs/{study}/learn/{model}/seed{seed}.log",
    benchmark:
        "logs/{study}/learn/{model}/seed{seed}.tsv"
    priority: 50
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=480,
    params:
        settings=settings_of("learn"),
        code=code_of("learn"),
    shell:
        "thermolatent learn {wildcards.study} --model {wildcards.model} --seed {wildcards.seed}"
        " --threads {threads} > {log} 2>&1"
