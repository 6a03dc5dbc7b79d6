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
        mem_mb=grows(2000),
        runtime=480,
    params:
        settings=settings_of_survey,
        code=code_of_papers("thermolatent.papers.survey"),
    shell:
        "thermolatent survey {wildcards.experiment} --framework {wildcards.framework} --seed {wildcards.seed}"
        " --scale {wildcards.scale} --threads {threads} > {log} 2>&1"


rule survey_torsions:
    input:
        features=at_torsions("features"),
        header=at_torsions("features_header"),
    output:
        scores=PAPER_PATHS.survey("{scale}", "torsions", "{framework}", "{seed}"),
        samples=PAPER_PATHS.torsion_samples("{scale}", "{framework}", "{seed}"),
    log:
        "logs/survey@{scale}/torsions/{framework}/seed{seed}.log",
    benchmark:
        "logs/survey@{scale}/torsions/{framework}/seed{seed}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(480),
    params:
        settings=settings_of_survey,
        study=name_of_torsions,
        code=code_of_papers("thermolatent.papers.torsions"),
    shell:
        "thermolatent survey torsions --framework {wildcards.framework} --seed {wildcards.seed}"
        " --scale {wildcards.scale} --study {params.study} --threads {threads} > {log} 2>&1"
