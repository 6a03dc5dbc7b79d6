# Starts of the walkers at a reseeded temperature: frames of the training temperatures that are not reseeded. They are drawn once:
# MD that started from them stays when those frames change. So there is no digest of code, and the file is not deleted before.


rule reseed:
    input:
        unpack(inputs_of("reseed", ancient)),
    output:
        starts=update(PATHS.starts("{temperature}")),
    log:
        "logs/{study}/reseed/T{temperature}.log",
    benchmark:
        "logs/{study}/reseed/T{temperature}.tsv"
    priority: 100
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        settings=settings_of("reseed"),
    shell:
        "thermolatent reseed {wildcards.study} --temperature {wildcards.temperature}"
        " --threads {threads} > {log} 2>&1"
