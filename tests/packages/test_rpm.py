#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The RPM package: built by Debian's rpmbuild, of the tarball and of a clone, and used by Debian's collectd, with the
files in the places that Fedora has.

The steps are tests in the order of this file, and each goes on from the one before. All that the chroot said is in
build/.../packages/rpm.log. What is Fedora's alone is not tested: its packages' names, and the policy of SELinux.
"""

import os
import re

import debian  # which finds the tests' common modules
import mirror
import standin
import tap
from chroot import Chroot

SUITE = "trixie"
NAME = "collectd-ttn"
PLUGINS = "/usr/lib64/collectd"
STATE = "/var/lib/collectd/ttn"
DOC = "/usr/share/doc/collectd-ttn"

# Documents, of which Debian's package has the same, and all else: mode, owner, group, what it is (d: document,
# l: licence), path.
FILES = """\
100755 root root - /usr/bin/ttn-check
100755 root root - /usr/lib64/collectd/ttn.so
100644 root root - /usr/share/bash-completion/completions/ttn-check
40755 root root - DOC
100644 root root d DOC/NEWS
100644 root root d DOC/README.md
100644 root root d DOC/SECURITY.md
40755 root root - DOC/examples
100644 root root d DOC/examples/README.md
100644 root root d DOC/examples/collectd.conf.example
40755 root root - DOC/examples/grafana
100755 root root d DOC/examples/grafana/generate.py
100644 root root d DOC/examples/grafana/ttn-influxdb.json
100644 root root d DOC/examples/grafana/ttn-prometheus.json
40755 root root - DOC/examples/prometheus
100755 root root d DOC/examples/prometheus/gateway-names
100644 root root d DOC/examples/prometheus/ttn.rules.test.yml
100644 root root d DOC/examples/prometheus/ttn.rules.yml
40755 root root - DOC/examples/scale
100644 root root d DOC/examples/scale/central-network.conf
100644 root root d DOC/examples/scale/collectd-ttn@.service
100644 root root d DOC/examples/scale/prometheus.yml
100644 root root d DOC/examples/scale/shards.conf
100644 root root d DOC/examples/scale/writer-graphite.conf
100644 root root d DOC/examples/scale/writer-kafka.conf
100644 root root d DOC/examples/scale/writer-network.conf
100644 root root d DOC/examples/scale/writer-prometheus.conf
40755 root root - DOC/examples/snmp
100644 root root d DOC/examples/snmp/TTN-GATEWAY-MIB.txt
100644 root root d DOC/examples/snmp/collectd-snmp.conf
40755 root root - /usr/share/licenses/collectd-ttn
100644 root root l /usr/share/licenses/collectd-ttn/LICENSE
100644 root root d /usr/share/man/man1/ttn-check.1
100644 root root d /usr/share/man/man5/collectd-ttn.5
100644 root root d /usr/share/man/man7/collectd-ttn-messages.7
40700 root root - /var/lib/collectd/ttn
""".replace("DOC", DOC).splitlines()
QUERY = r"[%{FILEMODES:octal} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILEFLAGS:fflags}- %{FILENAMES}\n]"


class Story(debian.User):
    command = "collectd -C /etc/collectd.conf"
    drop_in = "/etc/collectd.d/ttn.conf"
    example = DOC + "/examples/collectd.conf.example"

    def __init__(self):
        os.makedirs(debian.TOP, exist_ok=True)
        self._log = open(os.path.join(debian.TOP, "rpm.log"), "w", encoding="utf-8")
        self.user = None
        self.stack = standin.Standin().start()

    def as_builder(self, command):
        return self.user.run(command, "builder", network=False, HOME="/nonexistent", PATH="/usr/bin:/bin")

    def rpm(self, arguments):
        """Its plugin unshare wants that / is a mount, which it is not in a chroot."""
        return self.user.run("rpm --noplugins " + arguments)

    def query(self, arguments, package="/src/rpm/RPMS/*/collectd-ttn-0*.rpm"):
        # Debian's rpm has no database that the builder could read, and says so.
        return self.as_builder("rpm -qp %s %s 2>/dev/null" % (arguments, package))

    def test_tools(self):
        """install-packages gets all that building needs, but for rpmbuild"""
        self.user = Chroot(os.path.join(debian.TOP, "rpm"), SUITE, self._log)
        self.user.run("useradd --no-create-home builder && install -d -o builder /src")
        debian.copy_source(self.user.file("src", "clone"))
        self.user.run("/src/clone/scripts/install-packages package")
        self.user.run("apt-get install -q -y --no-install-recommends bison collectd-core flex git rpm rpmlint")
        self.user.run("chown -R builder /src")

    def test_collectd(self):
        """collectd's source, as its release has it: with its configure"""
        sources = "".join(line.replace("deb ", "deb-src ", 1) + "\n" for line in mirror.sources(SUITE, ("",)))
        self.user.write("etc/apt/sources.list.d/source.list", sources)
        self.user.run("apt-get update -q && cd /src && apt-get source -q --download-only --tar-only collectd &&"
                      " install -d -o builder collectd rpm/SOURCES rpm")
        self.as_builder("""cd /src/collectd && tar -xf ../collectd_5.12.0*.tar.xz --strip-components 1
                        sed -i 's/^DEFAULT_VERSION=.*/DEFAULT_VERSION=5.12.0/' version-gen.sh
                        autoreconf -i && ./configure --quiet --disable-all-plugins && make -s dist-bzip2
                        mv collectd-5.12.0.tar.bz2 /src/rpm/SOURCES""")

    def test_build(self):
        """rpmbuild builds the tarball of make dist without network, with the unit tests"""
        said = self.as_builder("""cd /src/clone && git init -q && git add -A && cp -r . ../tarball && cd ../tarball
                               autoreconf -i && ./configure --quiet && make -s dist
                               cp collectd-ttn-*.tar.xz /src/rpm/SOURCES
                               rpmbuild -ba --nodeps --define '_topdir /src/rpm' contrib/rpm/collectd-ttn.spec""")
        tap.matches(r"# TOTAL: \d{3}\n# PASS: +\d{3}\n# SKIP: +0\n# XFAIL: 0\n# FAIL: +0\n", said)

    def test_rpmlint(self):
        """rpmlint finds nothing, but for what contrib/rpm/rpmlint.toml gives reasons for"""
        said = self.as_builder("cd /src/clone && rpmlint -c contrib/rpm/rpmlint.toml contrib/rpm/collectd-ttn.spec"
                               " /src/rpm/RPMS/*/collectd-ttn-0*.rpm /src/rpm/SRPMS/*.rpm")
        tap.matches(r"2 packages and 1 specfiles checked; 0 errors, 0 warnings", said)

    def test_files(self):
        """What is in it: files, modes, owners; the licence and the documents are marked as such"""
        version = self.query("--qf '%{VERSION}'")
        lines = self.files_of(version)
        pages = [line for line in lines if re.search(DOC + r"/[a-z-]+\.md$", line)]
        tap.equal([line for line in lines if line not in pages], FILES)
        tap.equal(sorted(os.path.basename(page) for page in pages),
                  sorted(name for name in os.listdir(self.user.file("src/clone/doc")) if name.endswith(".md")))
        tap.equal({line.split(" /")[0] for line in pages}, {"100644 root root d"})

    def files_of(self, version, *package):
        """Without what Debian's rpm adds for debuggers, the version in names, which Fedora's leaves out, and how
        pages are compressed, which differs between versions of rpm."""
        lines = self.query("--qf '%s'" % QUERY, *package).replace("%s-%s" % (NAME, version), NAME).splitlines()
        lines = [re.sub(r"\b([dl])-(?= /)", r"\1", line) for line in lines if "/.build-id" not in line]
        return [re.sub(r"(/man/.*)\.gz$", r"\1", line) for line in lines]

    def test_depends(self):
        """It needs a collectd 5.12, and no library that is a plugin is offered"""
        needs = self.query("--requires").splitlines()
        for line in (r"collectd\(\S+\) >= 5\.12", r"collectd\(\S+\) < 6", r"libcurl\.so\.4\(\)\S*",
                     r"libyajl\.so\.2\(\)\S*"):
            tap.equal(len([need for need in needs if re.fullmatch(line, need)]), 1, "%s in %s" % (line, needs))
        tap.equal([line for line in self.query("--provides").splitlines() if ".so" in line], [])

    def test_clone(self):
        """build-rpm makes the same of a clone, of what git knows; and of an unpacked tarball; an older package goes"""
        tarball = "build/rpm/collectd-ttn-*.tar.xz"
        rpmbuild = """mkdir -p build/rpm && cp /src/rpm/SOURCES/collectd-5.12.0.tar.bz2 build/rpm
                   scripts/build-rpm --nodeps --nocheck"""
        self.as_builder("cd /src/clone && echo secret >stray.key && older=build/rpm/$(rpm --eval '%%{_target_cpu}') && "
                        "mkdir -p $older && touch $older/collectd-ttn-0.0.1-1.rpm && %s" % rpmbuild)
        package = "/src/clone/build/rpm/*/collectd-ttn-0*.rpm"
        version = self.query("--qf '%{VERSION}'", package)
        tap.equal(self.files_of(version, package), self.files_of(version))
        listed = self.as_builder("cd /src/clone && tar -tf %s | sort" % tarball)
        tap.matches(r"(?m)^collectd-ttn-%s/src/collectd/plugin\.c$" % re.escape(version), listed)
        tap.equal("stray.key" in listed, False)
        self.as_builder("mkdir /src/unpacked && cd /src/unpacked && tar -xf /src/clone/%s && cd collectd-ttn-* && %s"
                        % (tarball, rpmbuild))
        again = self.as_builder("cd /src/unpacked/collectd-ttn-* && tar -tf %s | sort" % tarball)
        tap.equal(again, "".join(line + "\n" for line in listed.splitlines() if not line.endswith("/")))

    # Using.

    def test_use(self):
        """Installed, and configured by the example, it reports; the plugin is where collectd looks"""
        os.makedirs(self.user.file("etc/collectd.d"))
        conf = debian.COLLECTD_CONF.replace("/etc/collectd/collectd.conf.d", "/etc/collectd.d")
        self.user.write("etc/collectd.conf", conf.replace("<Include", 'PluginDir "%s"\n<Include' % PLUGINS))
        self.rpm("-i --nodeps /src/rpm/RPMS/*/collectd-ttn-0*.rpm")
        # Debian's rpm has the version in that directory's name.
        version = self.query("--qf '%{VERSION}'")
        self.example = self.example.replace(DOC, DOC + "-" + version)
        self.stack.register("roof")
        self.stack.connect("roof")
        self.stack.uplink("roof", 3)
        self.configure()
        self.start()
        self.reports(3)
        tap.equal(self.loaded(), PLUGINS + "/ttn.so")
        tap.matches(r"^ttn-check \(collectd-ttn\) \d", self.user.run("ttn-check --version"))

    def test_upgrade(self):
        """Nothing restarts collectd at an upgrade, and counts go on after a restart by hand"""
        self.stack.uplink("roof")
        said = self.rpm("-U --nodeps --replacepkgs /src/rpm/RPMS/*/collectd-ttn-0*.rpm")
        tap.equal(said, "")
        self.runs()
        self.restart()
        self.reports(4)

    def test_remove(self):
        """Removing says which file keeps collectd from starting, and leaves the state"""
        self.stop()
        said = self.rpm("-e collectd-ttn")
        tap.matches("collectd will not start again .*:\n%s\n" % self.drop_in, said)
        tap.equal(sorted(os.listdir(self.user.file(STATE[1:]))), ["home.state"])
        tap.equal(os.path.exists(self.user.file(PLUGINS[1:], "ttn.so")), False)

    def test_purge(self):
        """Without that file it says nothing, and an empty directory of states goes with it"""
        self.rpm("-i --nodeps /src/rpm/RPMS/*/collectd-ttn-0*.rpm")
        self.user.run("rm -r %s/* %s" % (STATE, self.drop_in))
        tap.equal(self.rpm("-e collectd-ttn"), "")
        tap.equal(os.path.exists(self.user.file(STATE[1:])), False)

    def test_end(self):
        """Nothing is left mounted or running"""
        if self.user:
            self.user.close()
        debian.nothing_mounted()


if __name__ == "__main__":
    tap.run(debian.steps_of(Story()))
