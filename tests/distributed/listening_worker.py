"""Joins the launch as training does, and writes where this rank and its launcher listen: `… FOLDER`."""

import json
import os
import sys
from pathlib import Path

import psutil
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
total = torch.ones(1)
dist.all_reduce(total)
assert total.item() == dist.get_world_size() == int(os.environ["WORLD_SIZE"])
pids = (os.getpid(), os.getppid())
listening = [
    connection.laddr.ip
    for pid in pids
    for connection in psutil.Process(pid).net_connections("tcp")
    if connection.status == psutil.CONN_LISTEN
]
(Path(sys.argv[1]) / f"listening-{dist.get_rank()}.json").write_text(json.dumps(listening))
dist.barrier()
dist.destroy_process_group()
