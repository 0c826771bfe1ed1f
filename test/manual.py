#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""manual.py - the manual pages say what there is: all settings, all commands, all options

The list of settings in openfire-s2s.conf(5) is made of openfire-s2s.conf, which a unit test holds equal to the table of settings, and
that of commands in openfire-s2sctl(8) of what `help all` prints. `make manual` (--write) makes both anew; without, this is the test
that they are up to date, that mandoc has nothing to warn of, and that what -h shows is described.
"""
import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PAGES = {name: os.path.join(ROOT, "admin", name) for name in ("openfire-s2s.8", "openfire-s2sctl.8", "openfire-s2s.conf.5")}
BLOCK = re.compile(r'(\.\\" begin: [^\n]*\n)(.*?)(\.\\" end\n)', re.S)


def read(path):
    with open(path) as file:
        return file.read()


def plain(text):
    """A line of text for mdoc, whatever is in it"""
    text = text.replace("\\", "\\e")
    return "\\&" + text if text[:1] in (".", "'") else text


def quoted(text):
    """An argument of a macro"""
    return '"%s"' % text.replace("\\", "\\e").replace('"', '""')


def upper(text):
    return text[:1].upper() + text[1:]


def sentences(words):
    """Each sentence on a line of its own, as mdoc wants it"""
    return "".join(plain(each) + "\n" for each in re.split(r"(?<=[.?!]) (?=[A-Z])", " ".join(words.split())))


def settings():
    """mdoc of openfire-s2s.conf: a list for each section"""
    out, section, comment = [], None, []
    for line in read(os.path.join(ROOT, "openfire-s2s.conf")).splitlines() + ["[]"]:
        if line.startswith("["):
            out += [".El\n"] if section else []
            section, comment = line.strip("[]"), []
            out += [".Ss %s\n.Bl -tag -width Ds\n" % section] if section else []
        elif line.startswith("# "):
            comment.append(line[2:])
        elif section and "=" in line:
            key, value = (each.strip() for each in line.split("=", 1))
            last = next((i for i, each in enumerate(comment) if each[0] == "[" and comment[-1][-1] == "]"), len(comment))
            help_text, accepted = " ".join(comment[:last]), " ".join(comment[last:])
            out.append(".It Cm %s.%s No = Ar %s\n" % (section, key, quoted(value)) if value else ".It Cm %s.%s No =\n" % (section, key))
            out.append(sentences(help_text))
            if accepted:
                out.append(plain("Accepted: %s." % accepted.strip("[]")) + "\n")
            comment = []
        elif not line:
            comment = []
    return "".join(out)


def commands(tool):
    """mdoc of the tool's help"""
    text = subprocess.run([tool, "help", "all"], stdout=subprocess.PIPE, check=True, timeout=20).stdout.decode()
    out = [".Bl -tag -width Ds\n"]
    for block in re.split(r"(?:^|\n)openfire-s2sctl ", text)[1:]:
        usage, _, rest = block.partition("\n\n")
        about, _, parameters = rest.partition("\n\n")
        out.append(".It Cm %s\n%s" % (quoted(usage), sentences(about)))
        found = re.findall(r"^  (\S+)\n((?:      .*\n?)+)", parameters + "\n", re.M)
        if found:
            out.append(".Bl -tag -width Ds\n")
            for name, help_text in found:
                out.append(".It %s\n" % ("Fl Fl %s" % name[2:] if name.startswith("--") else "Ar " + quoted(name)))
                parts = re.split(r"\s+(?=one of: |a whole number from )", " ".join(help_text.split()))
                out.append("".join(plain(upper(part)) + (".\n" if part == parts[0] else "\n") for part in parts))
            out.append(".El\n")
    return "".join(out) + ".El\n"


def blocks(tool):
    return {"openfire-s2s.conf.5": settings(), "openfire-s2sctl.8": commands(tool)}


def fresh(name, block):
    return BLOCK.sub(lambda found: found.group(1) + block + found.group(3), read(PAGES[name]))


class Cases:
    def __init__(self, binary):
        self.binary = binary

    def the_lists_are_those_of_the_program(self):
        for name, block in blocks(self.binary + "ctl").items():
            assert block.count("\n.It ") > 20 and read(PAGES[name]) == fresh(name, block), name + " is out of date: make manual"

    def every_setting_is_there_once(self):
        page = read(PAGES["openfire-s2s.conf.5"])
        found = re.findall(r"^\.It Cm (\S+) No =", page, re.M)
        assert len(found) == len(set(found)) > 80
        with open(os.path.join(ROOT, "server", "config_table.h")) as file:
            table = re.findall(r'^    X\(\w+,\s+[\w()]+,(?:\s*\\\n)?\s*"([^"]+)"', file.read(), re.M)
        assert sorted(table) == sorted(found), set(table) ^ set(found)

    def mandoc_has_nothing_to_say(self):
        for path in PAGES.values():
            done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
            assert done.returncode == 0 and not done.stdout, done.stdout.decode()
            shown = subprocess.run(["mandoc", "-Tutf8", "-O", "width=100", path], stdout=subprocess.PIPE, check=True, timeout=20).stdout
            assert re.search(rb"\nS.*Y.*\n|N.*A.*M.*E", shown) and len(shown) > 3000

    def every_option_is_described(self):
        for name, arguments in (("openfire-s2s.8", [self.binary, "-h"]), ("openfire-s2sctl.8", [self.binary + "ctl", "help"])):
            usage = subprocess.run(arguments, stdout=subprocess.PIPE, check=True, timeout=20).stdout.decode().split("\nCommands:")[0]
            options = set(re.findall(r"(?<![\w-])--?[A-Za-z]+", usage)) - {"-to", "-s2s"}
            page = read(PAGES[name])
            assert len(options) >= 5
            for option in options:
                macro = r"\.It Fl Fl " + option[2:] if option.startswith("--") else r"\.It Fl " + option[1:]
                assert re.search("^%s\\b" % macro, page, re.M), "%s says nothing of %s" % (name, option)

    def names_and_files_that_are_named_exist(self):
        for path in PAGES.values():
            for page, section in re.findall(r"^\.Xr (\S+) (\d)", read(path), re.M):
                assert "%s.%s" % (page, section) in PAGES or page == "systemd", page


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    binary = os.path.abspath(options.binary)
    if options.write:
        for name, block in blocks(binary + "ctl").items():
            text = fresh(name, block)
            with open(PAGES[name], "w") as file:
                file.write(text)
        return 0
    results = []
    cases = Cases(binary)
    for name in [name for name in vars(Cases) if not name.startswith("_")]:
        try:
            getattr(cases, name)()
            print("ok " + name)
            results.append(True)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            print("FAILED %s: %s" % (name, error))
            results.append(False)
    print("%d passed, %d failed, 0 skipped" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
