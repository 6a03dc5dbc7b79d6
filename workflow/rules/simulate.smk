# MD at one temperature. The trajectories, one per walker, are complete when protocol.json is there.
# No digest of code here: days of MD are repeated only where `simulate.PROTOCOL` says that they must.


rule simulate:
    input:
        unpack(inputs_of("simulate")),
    output:
        energies=PATHS.md_energies("{temperature}"),
        protocol=PATHS.protocol("{temperature}"),
    log:
        "logs/{study}/simulate/T{temperature}.log",
    benchmark:
        "logs/{study}/simulate/T{temperature}.tsv"
    priority: training_first
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1500),
        runtime=720,
    params:
        settings=settings_of("simulate"),
        protocol=PROTOCOL,
    shell:
        "thermolatent simulate {wildcards.study} --temperature {wildcards.temperature}"
        " --threads {threads} > {log} 2>&1"
