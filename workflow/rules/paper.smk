# The figures of the papers. `snakemake paper` makes all that this machine can do, `paper_latf` and so on one paper's.


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
        mem_mb=1500,
        runtime=60,
    params:
        seeds=SEEDS,
        study_scale=PAPER_SCALE,
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
