# The scores of all models, seeds and baselines in one table, the predictions with their verdicts, and the same on a grid of
# temperatures.


rule gather:
    input:
        unpack(inputs_of("gather")),
    output:
        scores=PATHS.all_scores,
        populations=PATHS.all_populations,
        predictions=PATHS.predictions,
        melting=PATHS.melting,
        experiment=PATHS.experiment,
        convergence=PATHS.convergence,
        metrics=PATHS.metrics,
        grid=PATHS.grid,
        grid_observables=PATHS.grid_observables,
        grid_surfaces=PATHS.grid_surfaces,
    log:
        "logs/{study}/gather.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=30,
    params:
        seeds=SEEDS,
        settings=settings_of("gather"),
        code=code_of("gather"),
    shell:
        "thermolatent gather {wildcards.study} --seeds {params.seeds}" " --threads {threads} > {log} 2>&1"
