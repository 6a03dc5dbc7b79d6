# The survey's benchmark: one job per experiment, framework and seed, minutes each at the desk's scale.


rule survey:
    output:
        scores=PAPER_PATHS.survey("{scale}", "{experiment}", "{framework}", "{seed}"),
    log:
        "logs/survey@{scale}/{experiment}/{framework}/seed{seed}.log",
    benchmark:
        "logs/survey@{scale}/{experiment}/{framework}/seed{seed}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=480,
    params:
        settings=settings_of_survey,
        code=code_of_papers("thermolatent.papers.survey"),
    shell:
        "thermolatent survey {wildcards.experiment} --framework {wildcards.framework} --seed {wildcards.seed}"
        " --scale {wildcards.scale} --threads {threads} > {log} 2>&1"
