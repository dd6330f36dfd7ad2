# SPDX-License-Identifier: Apache-2.0
"""A visit that does what a test says; a program.

``python puppet_visit.py SOCKET``: it tells the test what it was given, says
what it is told to, and tells when it is to leave.
"""

import json
import os
import socket
import subprocess
import sys
import threading


def main() -> None:
    strings = socket.socket(socket.AF_UNIX)
    strings.connect(sys.argv[1])
    lines = strings.makefile('rw')

    def tell(message: object) -> None:
        lines.write(json.dumps(message) + '\n')
        lines.flush()

    # A part of it that would be easily forgotten, as browsers have many.
    part = subprocess.Popen(['sleep', '1000'])
    tell({'document': json.loads(sys.stdin.readline()),
          'environment': dict(os.environ), 'pid': os.getpid(),
          'part': part.pid})
    is_stubborn = threading.Event()

    def wait_for_end() -> None:
        while os.read(0, 4096):
            pass
        tell('asked to leave')
        if not is_stubborn.is_set():
            part.kill()
            part.wait()
            os._exit(0)

    threading.Thread(target=wait_for_end, daemon=True).start()
    for line in lines:
        order, _, rest = line.strip().partition(' ')
        if order == 'say':
            print(rest, flush=True)
        elif order == 'stay':
            is_stubborn.set()
            tell('stays')
        elif order == 'exit':
            os._exit(int(rest))
    os._exit(0)


if __name__ == '__main__':
    main()
