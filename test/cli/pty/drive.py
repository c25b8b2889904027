"""Runs a command in a terminal of its own: drive.py ROWS COLUMNS COMMAND...; words on stdin press keys (key TEXT) and change
its size (size ROWS COLUMNS). What the command prints goes to stdout; at its end, a line on stderr tells how it ended and whether
the terminal's modes are what they were."""
import fcntl, json, os, pty, select, struct, sys, termios


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


rows, columns, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
master, slave = pty.openpty()
resize(slave, rows, columns)
before = termios.tcgetattr(slave)
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.execvp(command[0], command)
status = None
pending = b""
inputs = [master, 0]
while True:
    ready, _, _ = select.select(inputs, [], [], 0.05)
    if master in ready:
        os.write(1, os.read(master, 65536))
        continue
    if 0 in ready:
        more = os.read(0, 65536)
        if not more:
            inputs.remove(0)
        *lines, pending = (pending + more).split(b"\n")
        for line in lines:
            verb, _, rest = line.decode().partition(" ")
            if verb == "key":
                os.write(master, json.loads(rest).encode())
            else:
                resize(master, *map(int, rest.split()))
    if status is None:
        done, raw = os.waitpid(child, os.WNOHANG)
        status = raw if done else None
    elif not ready:
        break
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "restored": termios.tcgetattr(slave) == before}), file=sys.stderr)
