# The estimator of a study: populations with error bars, and the weights of informed training. Training temperatures only;
# of replica exchange from elsewhere all, whose frames say how long blocks of time must be and nothing more.
# The memberships in its basis are those of the first seed's SPIB.


rule reweight:
    input:
        unpack(inputs_of("reweight")),
    output:
        model=PATHS.reweighting,
        running=PATHS.running,
    log:
        "logs/{study}/reweight.log",
    benchmark:
        "logs/{study}/reweight.tsv"
    priority: 50
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        seed=SEEDS[0],
        settings=settings_of("reweight"),
        code=code_of("reweight"),
    shell:
        "thermolatent reweight {wildcards.study} --seed {params.seed} --threads {threads} > {log} 2>&1"
