# Verbs only: every target is one stage, or one job a person has. Settings go through to Hydra:
#   make pretrain EXP=wikitext2_small ARGS="optim.lr=3e-4 trainer.steps=500"
# Several devices and machines (docs/cluster.md); GPUS is NPROC, and NODES is NNODES:
#   make pretrain LAUNCH=torchrun NPROC=8 NNODES=4 ARGS="strategy=ddp launcher.rendezvous=node1:29500"
#   make all LAUNCH=slurm NODES=4 GPUS=8 ARGS="strategy=ddp launcher.partition=gpu"
SHELL  := /bin/bash
PYTHON ?= python3
EXP    ?= demo
ARGS   ?=
VENV   := .venv

DEVICES   := $(or $(GPUS),$(NPROC))
MACHINES  := $(or $(NODES),$(NNODES))
ranks      = $(if $(DEVICES),$(1).devices=$(DEVICES)) $(if $(MACHINES),$(1).nodes=$(MACHINES))
LAUNCHING := $(if $(LAUNCH),launcher=$(LAUNCH)) $(call ranks,trainer)
RUN        = $(if $(filter file,$(origin EXP)),$(TELL_EXP)) $(VENV)/bin/python -m pipeline experiment=$(EXP) $(LAUNCHING)
TELL_EXP   = echo 'experiment $(EXP), on its own corpus; on your text: make $@ EXP=own ARGS="corpus=files corpus.paths=[FOLDER]"' >&2;
all finetune evaluate export report: RUN += $(call ranks,finetune.trainer)

# The model that is used: MODEL, or the run of EXP where that is given, or the newest run.
MODEL     ?= $(if $(filter file,$(origin EXP)),,$(EXP))
WHICH      = $(if $(MODEL),"model=$(MODEL)")
PROMPT    ?=
TEXT      ?=
export PROMPT TEXT
REPO      ?=

.DEFAULT_GOAL := help
TARGETS := help venv dev demo all download clean-corpus tokenizer shards pretrain finetune evaluate export report \
        sample chat serve trace publish dryrun checkpoints compare watch rate sweep config test test-distributed lint \
        bench bench-data site wandb-sync train eval tests conf data install clean docs data_prep pipeline inference notebooks
.PHONY: $(TARGETS)

# What cannot be meant is told before anything runs.
VARIABLES := EXP ARGS NPROC GPUS NODES NNODES LAUNCH MODEL PROMPT TEXT REPO RUNS STAGE SWEEP PYTHON
on_command_line := $(strip $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name))))
unknown_variables := $(filter-out $(VARIABLES) MAKE%,$(on_command_line))
experiments       := $(basename $(notdir $(wildcard conf/experiment/*.yaml)))
unknown_targets   := $(filter-out $(TARGETS) $(VENV)/%,$(MAKECMDGOALS))

named             := $(filter $(experiments),$(unknown_targets))

# And of what it knows, what the target has no use for.
STAGES       := download clean-corpus tokenizer shards pretrain finetune evaluate export report data train eval
reads_run    := EXP ARGS NPROC GPUS NODES NNODES LAUNCH
reads_runs   := RUNS ARGS
reads_model  := MODEL EXP ARGS
$(foreach name,all config conf $(STAGES),$(eval reads_of_$(name) := $(reads_run)))
$(foreach name,checkpoints compare watch rate,$(eval reads_of_$(name) := $(reads_runs)))
$(foreach name,demo test tests test-distributed bench bench-data,$(eval reads_of_$(name) := ARGS))
reads_of_dryrun  := STAGE $(reads_run)
reads_of_sweep   := SWEEP $(reads_run)
reads_of_sample  := PROMPT $(reads_model)
reads_of_trace   := TEXT $(reads_model)
reads_of_publish := REPO $(reads_model)
reads_of_chat    := $(reads_model)
reads_of_serve   := $(reads_model)
GOALS       := $(or $(MAKECMDGOALS),help)
read_here   := $(strip $(foreach name,$(GOALS),$(reads_of_$(name))))
unread      := $(filter-out $(read_here) PYTHON,$(filter $(VARIABLES),$(on_command_line)))
given       := $(or $(MODEL),$(RUNS))
is_model    := $(wildcard $(MODEL)/config.json)
unread_hint := $(if $(and $(filter MODEL RUNS,$(unread)),$(filter $(STAGES) all dryrun,$(GOALS))),; $(if $(is_model),name the \
               folder and the text to measure it on: make $(firstword $(GOALS)) EXP=own ARGS="corpus=files corpus.paths=[TEXT] \
               pretrain.init=$(MODEL) trainer.steps=0 run.name=look",repeat the run's own settings with its name: \
               make $(firstword $(GOALS)) EXP=own ARGS="… run.name=$(firstword $(subst /, ,$(given)))"))

# Signs with which an input method for Chinese joins or cuts words; in values the programs tell all of them.
SIGNS       := ＝|= 　|space “|" ”|"
side         = $(foreach sign,$(2),$(word $(1),$(subst |, ,$(sign))))
signs_in     = $(strip $(foreach sign,$(SIGNS),$(if $(findstring $(call side,1,$(sign)),$(1)),$(sign))))
full_width   = $(call told_signs,$(call signs_in,$(1)))
told_signs   = $(if $(1),; there $(if $(word 2,$(1)),are,is a) full-width $(subst 　,space,$(call side,1,$(1))) here; type the ASCII $(call side,2,$(1)))

# The variable that is nearly the word. Settings are in small letters: of those only what is nearly ARGS or EXP is none.
NEAREST     := import difflib, sys; name, *known = sys.argv[1:]; \
               print(*difflib.get_close_matches(name.upper(), ["ARGS", "EXP"] if name.islower() else known, 1, 0.7))
misspelt     = $(shell $(PYTHON) -c '$(NEAREST)' '$(1)' $(VARIABLES))
meant        = $(foreach name,$(call misspelt,$(1)),; did you mean $(name)="$($(1))"?)
as_setting   = : settings go into ARGS="$(1)=$($(1))"
advice_on    = $(or $(call full_width,$(1)=$($(1))),$(call meant,$(1)),$(call as_setting,$(1)))

ifneq ($(unknown_variables),)
$(error $(foreach name,$(unknown_variables),$(name) is no variable here$(call advice_on,$(name)); )what the Makefile knows is $(VARIABLES))
endif
ifneq ($(unknown_targets),)
$(error make $(unknown_targets): there is no such target; make help lists what there is$(call full_width,$(unknown_targets))$(if $(PROMPT),; a prompt with spaces stands in quotes)$(if $(named),; an experiment is named by EXP: make $(firstword $(filter $(TARGETS),$(MAKECMDGOALS)) all) EXP=$(firstword $(named))))
endif
ifneq ($(unread),)
$(error make $(GOALS) does not read $(unread): $(if $(read_here),it reads $(read_here),it reads no variable)$(unread_hint))
endif

help:  ## This list
	@echo "make TARGET [EXP=experiment] [ARGS=\"key=value …\"]      experiments: $(experiments)"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

venv: $(VENV)/.installed  ## Make .venv and install what the pipeline needs, once

dev: $(VENV)/.installed-dev  ## And what its tests and checks need

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=…")'
	@$(PYTHON) pipeline/install.py $(VENV) serve,metrics
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PYTHON) pipeline/install.py $(VENV) dev
	@touch $@

demo: venv  ## All nine stages on the built-in corpus: CPU, offline, a few minutes
	@$(VENV)/bin/python -m pipeline experiment=demo stage=report $(ARGS)

all: venv  ## Every stage of an experiment, up to the report
	@$(RUN) stage=report $(ARGS)

download: venv  ## Fetch the raw corpus
	@$(RUN) stage=download $(ARGS)

clean-corpus: venv  ## Raw corpus to documents
	@$(RUN) stage=clean $(ARGS)

tokenizer: venv  ## Train (or bring) the tokenizer
	@$(RUN) stage=tokenizer $(ARGS)

shards: venv  ## Documents to token shards
	@$(RUN) stage=shards $(ARGS)

pretrain: venv  ## Train the language model
	@$(RUN) stage=pretrain $(ARGS)

finetune: venv  ## Fine-tune it
	@$(RUN) stage=finetune $(ARGS)

evaluate: venv  ## Perplexity, BLEU, ROUGE and the rest
	@$(RUN) stage=evaluate $(ARGS)

export: venv  ## Hugging Face folder, parity-checked
	@$(RUN) stage=export $(ARGS)

report: venv  ## One HTML file with the run's picture
	@$(RUN) stage=report $(ARGS)

dryrun: venv  ## What a run would do and need, memory per device included: STAGE=pretrain
	@$(RUN) stage=$(or $(STAGE),report) dryrun=true $(ARGS)

sample: venv  ## What a model makes of a prompt: PROMPT="…" [MODEL=run, folder or checkpoint]
	@$(VENV)/bin/python -m inference.sample "$$PROMPT" $(WHICH) $(ARGS)

serve: venv  ## Serve a model over HTTP, as OpenAI does, with a page to chat in: [MODEL=…]
	@$(VENV)/bin/python -m inference.serve $(WHICH) $(ARGS)

chat: venv  ## Talk to a model in the terminal: [MODEL=…]
	@$(VENV)/bin/python -m inference.chat $(WHICH) $(ARGS)

trace: venv  ## Which training documents hold a text, and which steps read it: TEXT="…" [MODEL=run]
	@$(VENV)/bin/python -m inference.trace "$$TEXT" $(WHICH) $(ARGS)

publish: venv  ## Send the export to the Hugging Face hub: REPO=me/name; tells what it would send, until ARGS="send=true"
	@$(VENV)/bin/python -m inference.publish "$(REPO)" $(WHICH) $(ARGS)

checkpoints: venv  ## List the training checkpoints, of all runs or of one: [RUNS=name]
	@$(VENV)/bin/python -m pipeline.checkpoints $(RUNS) $(ARGS)

compare: venv  ## Runs beside each other, with significance: RUNS="first second …"
	@$(VENV)/bin/python -m eval.compare $(RUNS) $(ARGS)

watch: venv  ## A run's report while it is made, in the browser: [RUNS=name], else the newest
	@$(VENV)/bin/python -m eval.watch $(RUNS) $(ARGS)

rate: venv  ## A page on which people judge the texts of one or two runs: RUNS="first second"
	@$(VENV)/bin/python -m eval.rate $(RUNS) $(ARGS)

sweep: venv  ## Runs over several values of some keys: SWEEP=lr_wd (see conf/sweep)
	@$(RUN) $(if $(SWEEP),sweep=$(SWEEP)) $(ARGS) --multirun

config: venv  ## Print the checked configuration and what set it; run nothing
	@$(RUN) $(ARGS) show_config=true

TWO_FILES := -n 2 --dist loadfile --no-loadscope-reorder

test: dev  ## Run the tests of one process, two files at a time
	@OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -m "not distributed and not cluster" $(TWO_FILES) $(ARGS)

test-distributed: dev  ## Run those of several processes, and on a SLURM cluster of their own
	@$(VENV)/bin/python -m pytest -m "distributed or cluster" $(TWO_FILES) $(ARGS)

PROSE := $(wildcard *.md) Makefile pyproject.toml docs notebooks benchmarks conf pipeline data_prep train eval inference \
         hydra_plugins

lint: dev  ## Formatting, lint, import rules, types, spelling
	@$(VENV)/bin/ruff format --check . && $(VENV)/bin/ruff check . && $(VENV)/bin/lint-imports && $(VENV)/bin/pyrefly check \
	  && $(VENV)/bin/pyrefly check --config tests/pyrefly.toml && $(VENV)/bin/codespell $(PROSE)

bench: dev  ## Ratios of training against references, measured in one run
	@$(VENV)/bin/python -m tests.bench $(ARGS)

bench-data: dev  ## Ratios of the data stages against reference libraries, in one run
	@$(VENV)/bin/python -m tests.bench.data $(ARGS)

site: dev  ## The documentation as a site with search, in site/
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet && echo "site/index.html"

wandb-sync: venv  ## Send runs that were kept offline to Weights & Biases
	@$(VENV)/bin/python -m pipeline.wandb_sync

# What people try first, by the name that it has here: without these, make would find the folder and do nothing.
train: pretrain  ## The same as pretrain
eval: evaluate  ## The same as evaluate
data: shards  ## The same as shards
tests: test
conf: config
install: venv
docs: site
clean:
	@echo "make clean-corpus makes documents of the corpus; artifacts are deleted by hand, in artifacts/ and runs/" >&2; exit 2
data_prep pipeline inference notebooks:
	@echo "$@ is a folder and no target; make help lists what there is" >&2; exit 2
