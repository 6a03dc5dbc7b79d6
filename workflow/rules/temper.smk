# MD at the reference temperatures of a study with `tempering`, by one replica exchange. How many files that makes depends on
# the study, which an output cannot; so the output is the list of them, and a list that names a lost file is withdrawn
# (common.smk). As in simulate, no digest of code.


rule temper:
    input:
        unpack(inputs_of("temper")),
    output:
        files=PATHS.tempered,
    log:
        "logs/{study}/temper.log",
    benchmark:
        "logs/{study}/temper.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1500),
        runtime=720,
    params:
        settings=settings_of("temper"),
        protocol=PROTOCOL,
    shell:
        "thermolatent temper {wildcards.study} --threads {threads} > {log} 2>&1"
