import contextlib
import os
import signal
import sys

from snakemake.utils import min_version

min_version("9.25")
# The rules' commands lie beside the running Python, also where nobody activated its environment.
os.environ.update(PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]))

# A batch system warns every process of a job by SIGUSR1 before its time is over. The stage answers with a checkpoint; would
# this job's own Snakemake end of it, the stage were killed before it is done.
if not workflow.is_main_process:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


report: "workflow/report/workflow.rst"


# The papers' figures have a setting of their own: `--config survey=desk`, or paper for a GPU.
SURVEY_SCALE = str(config.pop("survey", "desk"))


include: "workflow/rules/common.smk"
include: "workflow/papers/common.smk"


localrules:
    all,
    gather,
    figures,
    report,
    paper_figure,
    paper_latf,
    paper_dspib,
    paper_survey,
    paper,


rule all:
    default_target: True
    input:
        results_of(ASKED),


# Before there is any job: who gets which GPU, and what the studies will take of the disk. A molecule is built for that.
onstart:
    share_out_gpus()
    for study in ASKED.values():
        with contextlib.suppress(ThermolatentError):  # a job says it
            # at once: Snakemake's own lines come from another thread
            sys.stderr.write(disk.outlook(study, Layout.of(study), SEEDS) + "\n")


include: "workflow/rules/reseed.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/temper.smk"
include: "workflow/rules/featurize.smk"
include: "workflow/rules/represent.smk"
include: "workflow/rules/reweight.smk"
include: "workflow/rules/learn.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/validate.smk"
include: "workflow/rules/gather.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/papers/papers.smk"
