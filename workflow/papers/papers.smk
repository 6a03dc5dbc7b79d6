# The figures of the papers. `snakemake paper` makes all that this machine can do, `paper_latf` and so on one paper's. The survey's
# benchmark has a job per experiment, framework and seed, minutes each at the desk's scale.


rule paper_paths:
    input:
        model=PATHS.model("{model}", "{seed}"),
        frames=files_of_training,
    output:
        paths=PAPER_PATHS.base_paths("{study}", "{model}", "{seed}"),
    log:
        "logs/{study}/paper_paths/{model}/seed{seed}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1500),
        runtime=30,
    params:
        settings=settings_of_paths,
        code=code_of_script("base_paths", spec_of),
    script:
        "base_paths.py"


rule paper_divergences:
    input:
        frames=files_of_training,
        files=files_of_every_model,
    output:
        table=PAPER_PATHS.divergences("{study}", "{seed}"),
    log:
        "logs/{study}/paper_divergences/seed{seed}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=30,
    params:
        code=code_of_script("divergences", system_of),
    script:
        "divergences.py"


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
        runtime=grows(480),
    params:
        settings=settings_of_survey,
        code=code_of_script("survey_mixtures", framework_of),
    script:
        "survey_mixtures.py"


rule survey_torsions:
    input:
        files_of_torsions,
    output:
        scores=PAPER_PATHS.survey("{scale}", TORSIONS, "{framework}", "{seed}"),
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
        study=f"{SURVEY.torsions.study}{PAPER_SUFFIX}",
        code=code_of_script("survey_torsions", framework_of),
    script:
        "survey_torsions.py"


rule paper_figure:
    input:
        files=files_of_paper_figure,
    output:
        **{extension: PAPER_PATHS.figure("{figure}", extension) for extension in ("pdf", "png", "csv", "md")},
    log:
        "logs/paper/{figure}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1500),
        runtime=60,
    params:
        entry=lambda wildcards: FIGURES[wildcards.figure].model_dump_json(),
        seeds=SEEDS,
        study_scale=PAPER_SUFFIX.removeprefix("@") or "full",
        survey=SURVEY_SCALE,
        code=code_of_paper_figure,
    script:
        "figure.py"


rule paper_latf:
    input:
        paper_figures("latf"),


rule paper_dspib:
    input:
        paper_figures("dspib"),


rule paper_survey:
    input:
        paper_figures("survey"),


rule paper:
    input:
        paper_figures(*PAPERS),
