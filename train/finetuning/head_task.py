"""What tasks share that put a head of their own on a body: how it is loaded."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.config.tasks import FinetuneConfig
from pipeline.errors import UserError
from train.finetuning.task import FinetuningTask, task_of

if TYPE_CHECKING:
    from train.finetuning.head import ModelWithHead
    from train.models import Body


class HeadTask(FinetuningTask):
    """Several of them can be trained on one body: see `finetune=multi`."""

    scores_text: ClassVar[bool] = False

    @abstractmethod
    def model_on(self, body: "Body", description: Mapping[str, Any]) -> "ModelWithHead":
        """The head on a body that is there.

        Args:
            description: what model.json says of the head.
        """


def head_task(name: str) -> HeadTask:
    """The task of that name.

    Raises:
        UserError: where it puts no head of its own on a body, or is not known.
    """
    section = FinetuneConfig.choices().get(name)
    task = None if section is None or not section.enabled else task_of(section)
    if not isinstance(task, HeadTask):
        raise UserError(
            f"the task {name} has no head of its own on a body, or is not known here; name the package that brings it: "
            "plugins=[…]"
        )
    return task
