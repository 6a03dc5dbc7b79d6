# Scores of one model, or of the baselines, against the reference MD; populations of their own where there is none.


rule validate:
    input:
        files=PATHS.generated("{model}", "{seed}"),
        model=PATHS.model("{model}", "{seed}"),
        reweighting=PATHS.reweighting,
        features=at_simulated("features"),
        plane=at_simulated("plane"),
        observables=at_simulated("observables"),
        energies=at_simulated("energies"),
        header=at_simulated("features_header"),
    output:
        scores=PATHS.scores("{model}", "{seed}"),
        populations=PATHS.populations("{model}", "{seed}"),
        profiles=PATHS.profiles("{model}", "{seed}"),
    log:
        "logs/{study}/validate/{model}/seed{seed}.log",
    benchmark:
        "logs/{study}/validate/{model}/seed{seed}.tsv"
    priority: 30
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(120),
    params:
        model=model_of,
        settings=settings_of("validate"),
        code=code_of("validate"),
    shell:
        "thermolatent validate {wildcards.study} --model {params.model} --seed {wildcards.seed}"
        " --threads {threads} > {log} 2>&1"


# The baselines have neither a model file nor ensembles nor profiles; they need only what they are made of.
use rule validate as validate_baselines with:
    input:
        spib=PATHS.spib("{seed}"),
        reweighting=PATHS.reweighting,
        features=at_simulated("features"),
        plane=at_simulated("plane"),
        observables=at_simulated("observables"),
        energies=at_simulated("energies"),
        header=at_simulated("features_header"),
    output:
        scores=PATHS.scores(BASELINES, "{seed}"),
        populations=PATHS.populations(BASELINES, "{seed}"),
    log:
        "logs/{study}/validate/baselines/seed{seed}.log",
    benchmark:
        "logs/{study}/validate/baselines/seed{seed}.tsv"
