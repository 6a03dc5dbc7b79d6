# Every figure of a study, from tables and generated files, never from models. As in generate, the output is their list.


rule figures:
    input:
        unpack(inputs_of("figures")),
    output:
        files=PATHS.figures,
    log:
        "logs/{study}/figures.log",
    benchmark:
        "logs/{study}/figures.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=60,
    params:
        seeds=SEEDS,
        settings=settings_of("figures"),
        code=code_of("figures"),
    shell:
        "thermolatent figures {wildcards.study} --seeds {params.seeds}" " --threads {threads} > {log} 2>&1"
