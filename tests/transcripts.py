"""Pages that show commands, or lines of Python, and what they answer: is that what they answer?

A page's blocks are of two kinds: `console`, where a line that begins with "$ " is a command and the lines beneath are
what it prints, and `pycon`, a session of Python. In what is shown, "..." stands for anything: times, or what is left
out. The blocks of a page are run in their order, in one folder, and names of Python live to its end.
"""

import doctest
import re
import shlex
import subprocess
import textwrap

BLOCK = re.compile(r"^( *)```(console|pycon)\n(.*?)^\1```$", re.M | re.S)


def blocks(text):
    """The kind of each block of a page, the number of its first line, and its text."""
    return [
        (block[2], text.count("\n", 0, block.start()) + 2, textwrap.dedent(block[3])) for block in BLOCK.finditer(text)
    ]


def commands(block):
    """The commands of a console block, and what is shown beneath each."""
    assert block.startswith("$ "), f"no command begins {block!r}"
    parts = re.split(r"^\$ (.*)\n", block, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def agrees(shown, printed):
    """Whether `printed` is what is shown; ends of lines, and empty lines at both ends, do not count."""
    shown, printed = ("\n".join(line.rstrip() for line in x.strip("\n").splitlines()) + "\n" for x in (shown, printed))
    return doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS)


def answer(run, line):
    """What a command prints. `run` is for `jaxleggett`; `> FILE` may end it; an error must have the exit code 2."""
    words = shlex.split(line)
    words, file = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
    if words[0] == "jaxleggett":
        code, out, err = run(*words[1:])
    else:
        done = subprocess.run(words, capture_output=True, text=True)
        code, out, err = done.returncode, done.stdout, done.stderr
    assert code == (2 if err.startswith("error: ") else 0), f"{line}: exit code {code}\n{err}"
    if file:
        with open(file, "w") as target:
            target.write(out)
        out = ""
    return out + err


def differences(run, text):
    """What the blocks of a page show and do not print, in words; names are kept from one block to the next."""
    found, names = [], {}
    for kind, number, block in blocks(text):
        if kind == "pycon":
            session = doctest.DocTestParser().get_doctest(block, names, f"line {number}", None, number)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
            runner.run(session, out=found.append, clear_globs=False)
            names = session.globs
            continue
        for line, shown in commands(block):
            printed = answer(run, line)
            if not agrees(shown, printed):
                found.append(f"line {number}: {line}\nshows\n{shown}\nand prints\n{printed}")
    return found
