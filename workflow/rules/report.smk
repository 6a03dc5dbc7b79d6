# One HTML file with the figures, scores and structures of a study and a temperature slider, which opens offline.


rule report:
    input:
        unpack(inputs_of("report")),
    output:
        report=report(PATHS.report, category="Report", labels={"study": "{study}"}),
    log:
        "logs/{study}/report.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        seeds=SEEDS,
        settings=settings_of("report"),
        code=code_of("report"),
    shell:
        "thermolatent report {wildcards.study} --seeds {params.seeds}" " --threads {threads} > {log} 2>&1"
