# Every figure of a study, from tables and generated files, never from models. As in generate, the output is their list.


rule figures:
    input:
        scores=PATHS.all_scores,
        populations=PATHS.all_populations,
        predictions=PATHS.predictions,
        melting=PATHS.melting,
        metrics=PATHS.metrics,
        running=PATHS.running,
        files=of_models("generated"),
        surfaces=of_models("surfaces"),
        profiles=of_models("profiles"),
        histories=histories,
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
