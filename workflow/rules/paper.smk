# The figures of the papers. `snakemake paper` makes all that this machine can do, `paper_latf` and so on one paper's.


rule paper_paths:
    input:
        model=PATHS.model("{model}", "{seed}"),
        features=at_training("features"),
        plane=at_training("plane"),
        header=at_training("features_header"),
    output:
        paths=PATHS.paths("{model}", "{seed}"),
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
        code=code_of_papers("thermolatent.papers.paths"),
    shell:
        "thermolatent paper-paths {wildcards.study} --model {wildcards.model} --seed {wildcards.seed}"
        " --threads {threads} > {log} 2>&1"


rule paper_divergences:
    input:
        features=at_training("features"),
        files=files_of_every_model,
    output:
        table=PATHS.exact_divergences("{seed}"),
    log:
        "logs/{study}/paper_divergences/seed{seed}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=30,
    params:
        code=code_of_papers("thermolatent.papers.divergences", "thermolatent.systems.three_hole"),
    shell:
        "thermolatent paper-divergences {wildcards.study} --seed {wildcards.seed} --threads {threads} > {log} 2>&1"


rule paper_figure:
    input:
        files=files_of_paper_figure,
    output:
        **{extension: PAPER_PATHS.figure("{figure}", extension) for extension in ("pdf", "png", "csv")},
        caption=PAPER_PATHS.caption("{figure}"),
    log:
        "logs/paper/{figure}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1500),
        runtime=60,
    params:
        seeds=SEEDS,
        study_scale=PAPER_SUFFIX.removeprefix("@") or "full",
        survey=PROJECT.survey,
        code=code_of_paper_figure,
    shell:
        "thermolatent paper-figure {wildcards.figure} --seeds {params.seeds} --study-scale {params.study_scale}"
        " --scale {params.survey} --threads {threads} > {log} 2>&1"


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
