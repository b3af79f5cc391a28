"""Lets Hydra find the yaml files of the user's own packages: the folder `conf` of each that `plugins=[…]` names."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class PluginSearchPath(SearchPathPlugin):
    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        from pipeline.config.plugins import loaded_plugins

        for name, folder in loaded_plugins().items():
            if (folder / "conf").is_dir():
                search_path.append(name, f"file://{folder / 'conf'}")
