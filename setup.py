"""Where the packages lie in a wheel; everything else is in pyproject.toml.

`pipeline` stands at the top, so that `python -m pipeline` works. The others have names as general as `train`, which
other distributions may have too: they go into a folder of their own, which `pipeline` puts first on the path.
"""

from setuptools import find_namespace_packages, setup

OWN_FOLDER = ["data_prep", "train", "eval", "inference", "hydra_plugins", "conf"]

setup(
    packages=[
        *find_namespace_packages(include=["pipeline*"]),
        *(f"lm_workflow.{name}" for name in find_namespace_packages(include=[f"{n}*" for n in OWN_FOLDER])),
    ],
    package_dir={f"lm_workflow.{name}": name for name in OWN_FOLDER},
    package_data={"": ["*.yaml", "*.jinja", "*.j2", "*.css", "*.html", "*.js"]},
)
