"""The fine-tuning tasks, a module each, which a section of `pipeline/config/tasks/` names: see `../README.md`."""
