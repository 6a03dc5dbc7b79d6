# Features of the trajectories at one temperature.


rule featurize:
    input:
        unpack(inputs_of("featurize")),
    output:
        features=PATHS.features("{temperature}"),
        plane=PATHS.plane("{temperature}"),
        observables=PATHS.observables("{temperature}"),
        energies=PATHS.energies("{temperature}"),
        log_weights=PATHS.log_weights("{temperature}"),
        chains=PATHS.chains("{temperature}"),
        header=PATHS.features_header("{temperature}"),
    log:
        "logs/{study}/featurize/T{temperature}.log",
    benchmark:
        "logs/{study}/featurize/T{temperature}.tsv"
    priority: training_first
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1500),
        runtime=grows(120),
    params:
        settings=settings_of("featurize"),
        code=code_of("featurize"),
    shell:
        "thermolatent featurize {wildcards.study} --temperature {wildcards.temperature}"
        " --threads {threads} > {log} 2>&1"
